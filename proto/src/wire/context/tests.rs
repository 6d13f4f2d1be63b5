use super::super::{decode_context, digest_of, encode_context};
use std::sync::Arc;

use super::*;
use patchsweep_core::also::Also;
use patchsweep_core::architecture::Sizes;
use patchsweep_core::dictionary::{Dictionary, Encoder};
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use patchsweep_core::groups::{Group, Groups};
use patchsweep_core::metric::{Difference, Metric, MetricKind, Reduce, ReducedSets, TokenScore};
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::paths::{Mlps, Norms, Receivers};

const SIZES: Sizes = Sizes { layers: 2, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 3 };

fn context() -> SweepContext {
    let tokens = |ids: &[u32]| TokenMatrix::from_flat(2, 3, ids.to_vec()).expect("a matrix");
    let metric = |name: &str, kind| Metric { name: name.into(), kind, normalize: name == "m" };
    let architecture = Architecture::plain(SIZES);
    let grid =
        |component, axes: &[Axis]| Grid::new("g".into(), component, axes.to_vec(), &architecture, 3).expect("a grid");
    let k = grid(Component::K, &[Axis::Layer, Axis::Pos, Axis::Head]);
    let pattern = grid(Component::Pattern, &[Axis::Layer, Axis::Head, Axis::DestPos, Axis::SrcPos]);
    let pattern = pattern.restricted(Axis::DestPos, vec![1, 2]).expect("positions");
    let pre = grid(Component::MlpPre, &[Axis::Layer]);
    let post = grid(Component::MlpPost, &[Axis::Layer, Axis::Pos, Axis::Neuron]);
    let post = post.restricted(Axis::Neuron, vec![0, 15]).expect("neurons");
    SweepContext {
        model: ModelRef::Hub { repository: "openai-community/gpt2".into(), revision: "main".into() },
        dtype: Dtype::Bfloat16,
        tf32: true,
        direction: Direction::Denoising,
        clean: tokens(&[1, 2, 3, 4, 5, 6]),
        iterations: vec![Iteration {
            corrupted: tokens(&[1, 9, 3, 4, 9, 6]),
            noise: Some(Noise { positions: vec![1], scale: 3.0, seed: 7 }),
            reads: vec![2],
            answers: vec![7, 8],
            wrong_answers: vec![8, 7],
        }],
        metrics: vec![
            metric("m", MetricKind::LogitDiffMax { candidates: vec![7, 8] }),
            metric("n", MetricKind::LogitDiffMean { candidates: vec![7, 8] }),
            metric("d", MetricKind::LogitDiff),
            metric("l", MetricKind::Logprob),
            metric("p", MetricKind::Prob),
            metric("k", MetricKind::Kl),
            metric("f", MetricKind::Difference(difference(&[&[7, 8], &[6]], &[&[5, 4]]))),
        ],
        grids: vec![k, pattern.patched_with(PatchValue::Zero), pre, post.patched_with(PatchValue::Mean)],
        architecture,
        per_prompt: false,
        replicates: 1,
        groups: Groups::default(),
    }
}

fn paths(component: Option<Component>, places: &[(u32, &[u32])], mlps: Mlps, apart: bool) -> Grid {
    let places = places.iter().map(|(layer, heads)| (*layer, heads.to_vec())).collect();
    let model = Architecture::plain(SIZES);
    let grid = Grid::new("paths".into(), Component::Z, vec![Axis::Layer], &model, 3).expect("a grid");
    let positions = if component.is_some() { vec![0, 2] } else { vec![0, 1, 2] };
    // One of them is frozen, so that neither is taken for the other.
    let norms = if mlps == Mlps::Frozen { Norms::Recomputed } else { Norms::Frozen };
    let to = Receivers { component, places, positions, mlps, norms, apart };
    grid.with_paths_to(to, &model, 3).expect("paths")
}

#[test]
fn receivers_come_back_or_are_refused() {
    for component in [Some(Component::K), Some(Component::V)] {
        let mut sent = context();
        sent.grids.push(paths(component, &[(1, &[0])], Mlps::Live, false));
        assert_eq!(decode_context(&encode_context(&sent)), Ok(sent));
    }
    let to = || v1::Receivers {
        receiver: v1::Receiver::Q.into(),
        layers: vec![v1::ReceivingLayer { layer: 1, heads: vec![0] }],
        positions: vec![0, 1, 2],
        mlps_frozen: false,
        apart: false,
        norms_frozen: false,
    };
    let refusal = |to: v1::Receivers| {
        let mut wire = v1::SweepContext::from(&context());
        wire.grids.push(v1::Grid { to: Some(to), ..(&paths(None, &[], Mlps::Live, false)).into() });
        SweepContext::try_from(wire).map(drop)
    };
    assert_eq!(refusal(to()), Ok(()));
    let nothing = refusal(v1::Receivers { receiver: 0, ..to() }).expect_err("is refused").to_string();
    assert!(nothing.contains("Receivers") && nothing.contains("receiver"), "{nothing}");
    let twice = vec![v1::ReceivingLayer { layer: 1, heads: vec![0] }; 2];
    let twice = refusal(v1::Receivers { layers: twice, ..to() }).expect_err("is refused").to_string();
    assert!(twice.contains("a layer that is there twice"), "{twice}");
    let beyond = vec![v1::ReceivingLayer { layer: 2, heads: vec![0] }];
    let beyond = refusal(v1::Receivers { layers: beyond, ..to() }).expect_err("is refused").to_string();
    assert!(beyond.contains("receivers need ascending layers"), "{beyond}");
}

fn difference(right: &[&[u32]], wrong: &[&[u32]]) -> Difference {
    let side = |sets: &[&[u32]], reduce| {
        let sizes = sets.iter().map(|set| u32::try_from(set.len()).expect("small"));
        ReducedSets { sets: TokenSets::new(sets.concat(), sizes).expect("sets"), reduce }
    };
    Difference { of: TokenScore::Prob, right: side(right, Reduce::Sum), wrong: Some(side(wrong, Reduce::Max)) }
}

/// Changes the context's last metric.
fn with_difference(context: &mut SweepContext, changed: Difference) {
    context.metrics.last_mut().expect("a metric").kind = MetricKind::Difference(changed);
}

#[test]
fn every_way_to_score_and_to_reduce_comes_back() {
    for of in TokenScore::ALL {
        for reduce in Reduce::ALL {
            let mut sent = context();
            let Difference { right, .. } = difference(&[&[7, 8], &[6]], &[&[5]]);
            with_difference(&mut sent, Difference { of, right: ReducedSets { reduce, ..right }, wrong: None });
            assert_eq!(decode_context(&encode_context(&sent)), Ok(sent));
        }
    }
}

#[test]
fn answers_are_there_where_a_metric_scores_them() {
    let mut sent = context();
    sent.iterations[0].answers.clear();
    let refused = decode_context(&encode_context(&sent)).expect_err("is refused").to_string();
    assert!(refused.contains("metric `m` needs an answer for each prompt"), "{refused}");
    sent.metrics.retain(|metric| !metric.kind.scores_answers());
    assert_eq!(sent.metrics.len(), 2);
    assert_eq!(decode_context(&encode_context(&sent)), Ok(sent));
}

#[test]
fn a_context_comes_back_as_it_was_and_its_digest_tells_it_from_others() {
    let sent = context();
    assert_eq!(decode_context(&encode_context(&sent)), Ok(sent.clone()));
    let changes: [fn(&mut SweepContext); 15] = [
        |c| c.grids.push(paths(Some(Component::Q), &[(0, &[1]), (1, &[0, 1])], Mlps::Frozen, false)),
        |c| c.grids.push(paths(Some(Component::MlpIn), &[(0, &[]), (1, &[])], Mlps::Live, true)),
        |c| {
            c.grids[0] = c.grids[0].clone().together_with(vec![Component::V], &c.architecture).expect("as many heads");
        },
        |c| c.grids[1] = c.grids[1].clone().with_window(2).expect("a window"),
        |c| {
            for (component, heads, sources) in
                [(Component::Pattern, vec![1], vec![0, 1, 2]), (Component::MlpOut, vec![], vec![])]
            {
                let value = PatchValue::Mean;
                let neurons = if component.has_neurons() { [0, 2].into() } else { [].into() };
                let also = Also { component, layer: 1, heads, neurons, positions: vec![0, 2], sources, value };
                c.grids[0] = c.grids[0].clone().with_also(also, &c.architecture, 3).expect("a place");
            }
        },
        |c| with_difference(c, difference(&[&[7], &[8, 6]], &[&[5, 4]])),
        |c| with_difference(c, difference(&[&[7, 8], &[6]], &[&[5], &[4]])),
        |c| c.per_prompt = true,
        |c| {
            c.iterations.push(c.iterations[0].clone());
            c.replicates = 2;
        },
        |c| c.iterations[0].reads = vec![1],
        |c| c.direction = Direction::Noising,
        |c| c.tf32 = false,
        |c| c.iterations[0].noise = None,
        |c| c.grids[1].value = PatchValue::Mean,
        |c| c.grids[1].value = PatchValue::Knockout,
    ];
    for change in changes {
        let mut other = context();
        change(&mut other);
        assert_eq!(decode_context(&encode_context(&other)), Ok(other.clone()));
        assert_ne!(digest_of(&other), digest_of(&sent));
    }
}

#[test]
fn a_dictionary_travels_with_its_grid() {
    let of = |encoder| Dictionary {
        name: "res".into(),
        path: "sae/res".into(),
        component: Component::ResidPre,
        layer: 1,
        width: 4,
        features: 6,
        encoder,
        subtracts_decoder_bias: false,
        of_centred_model: false,
        digest: Digest([7; 32]),
    };
    let with = |dictionary: Dictionary| {
        let mut sent = context();
        let axes = vec![Axis::Pos, Axis::Feature];
        let grid = Grid::over_features("f".into(), Arc::new(dictionary), axes, &sent.architecture, 3);
        sent.grids.push(grid.expect("a grid").restricted(Axis::Feature, vec![0, 5]).expect("features"));
        sent
    };
    let topk = |k, rescaled| Encoder::TopK { k, rescaled };
    let all = [Encoder::Standard, Encoder::JumpRelu, Encoder::Gated, topk(2, false), topk(2, true), topk(3, true)];
    let mut digests: Vec<_> = all.iter().map(|&encoder| digest_of(&with(of(encoder)))).collect();
    for encoder in all {
        let sent = with(of(encoder));
        assert_eq!(decode_context(&encode_context(&sent)), Ok(sent.clone()));
    }
    let active = |mut sent: SweepContext| {
        let grid = sent.grids.pop().expect("the last one").of_active_features();
        sent.grids.push(grid.expect("a grid over a dictionary"));
        sent
    };
    let sent = active(with(of(Encoder::Standard)));
    assert_eq!(decode_context(&encode_context(&sent)), Ok(sent.clone()));
    let mut message = v1::SweepContext::from(&sent);
    message.grids[0].only_active = true;
    let refused = SweepContext::try_from(message).expect_err("is refused").to_string();
    assert!(refused.contains("`only_active`"), "{refused}");
    digests.extend([
        digest_of(&sent),
        digest_of(&with(Dictionary { digest: Digest([8; 32]), ..of(Encoder::Standard) })),
        digest_of(&with(Dictionary { subtracts_decoder_bias: true, ..of(Encoder::Standard) })),
        digest_of(&with(Dictionary { of_centred_model: true, ..of(Encoder::Standard) })),
        digest_of(&context()),
    ]);
    digests.sort_unstable_by_key(|digest| digest.0);
    assert!(digests.windows(2).all(|pair| pair[0] != pair[1]), "each context has a digest of its own");
    let refusal = |dictionary| decode_context(&encode_context(&with(dictionary))).expect_err("is refused").to_string();
    let up = refusal(Dictionary { path: "../sae".into(), ..of(Encoder::Standard) });
    assert!(up.contains("`Dictionary`") && up.contains("`../sae` is not a plain relative path"), "{up}");
    let wide = refusal(Dictionary { width: 5, ..of(Encoder::Standard) });
    assert!(wide.contains("reads activations of 5 numbers"), "{wide}");
    let mut many = v1::SweepContext::from(&with(of(Encoder::Standard)));
    many.grids.last_mut().and_then(|grid| grid.dictionary.as_mut()).expect("a dictionary").features = u32::MAX;
    let many = SweepContext::try_from(many).expect_err("is refused").to_string();
    assert!(many.contains("more indices than a sweep may have"), "{many}");
}

#[test]
fn parts_that_do_not_fit_each_other_are_refused() {
    let refusal = |change: fn(&mut SweepContext)| {
        let mut context = context();
        change(&mut context);
        decode_context(&encode_context(&context)).expect_err("is refused").to_string()
    };
    assert!(refusal(|c| c.iterations[0].reads = vec![3]).contains("out of range"));
    assert!(refusal(|c| c.iterations[0].reads = vec![]).contains("none"));
    assert!(refusal(|c| c.iterations[0].answers = vec![7]).contains("not one per prompt"));
    assert!(refusal(|c| c.iterations[0].answers = vec![7, 9]).contains("not among the candidates"));
    assert!(refusal(|c| c.iterations[0].wrong_answers = vec![]).contains("needs a wrong answer"));
    assert!(refusal(|c| c.iterations[0].wrong_answers = vec![7]).contains("not one per prompt"));
    assert!(refusal(|c| c.architecture.d_vocab = 9).contains("outside the vocabulary"));
    let beyond = refusal(|c| with_difference(c, difference(&[&[7], &[10]], &[&[5]])));
    assert!(beyond.contains("outside the vocabulary"), "{beyond}");
    let three = refusal(|c| with_difference(c, difference(&[&[7]], &[&[5], &[5], &[5]])));
    assert!(three.contains("neither one for all prompts nor one for each"), "{three}");
    let both = refusal(|c| with_difference(c, difference(&[&[7], &[8]], &[&[8]])));
    assert!(both.contains("a prompt has a token in both sets"), "{both}");
    assert!(refusal(|c| c.architecture.n_ctx = 2).contains("more positions than the model has"));
    assert!(refusal(|c| c.replicates = 2).contains("the iterations are no multiple of them"));
    assert!(refusal(|c| c.grids.clear()).contains("`grids`: none given"));
    assert!(refusal(|c| c.model = ModelRef::Folder("../up".into())).contains("`../up`"));
    let noise = |c: &mut SweepContext| c.iterations[0].noise.clone().expect("noise");
    let with = |positions: Vec<u32>, scale: f32| {
        let mut context = context();
        context.iterations[0].noise = Some(Noise { positions, scale, ..noise(&mut context.clone()) });
        decode_context(&encode_context(&context)).is_ok()
    };
    assert!(with(vec![0, 2], 0.5) && !with(vec![3], 0.5) && !with(vec![], 0.5) && !with(vec![0], f32::NAN));
}

/// Prompts of two lengths, in which one spot is another position.
fn grouped() -> SweepContext {
    let mut context = context();
    let rows = [vec![1, 2, 3], vec![4, 5]];
    context.clean = TokenMatrix::from_any_rows(&rows).expect("rows");
    let spots = [("end", None), ("1", Some(1)), ("all", None)];
    let spots: Vec<Spot> = spots.map(|(name, number)| Spot { name: name.into(), number }).into();
    let group =
        |tokens: u32| Group { prompts: 1, tokens, spots: vec![vec![tokens - 1], vec![1], (0..tokens).collect()] };
    context.iterations[0].corrupted = context.clean.clone();
    context.iterations[0].noise = None;
    context.iterations[0].reads = vec![0];
    let grid = |grid: &Grid| {
        let own = Grid::new(grid.name.clone(), Component::Z, vec![Axis::Layer, Axis::Pos], &context.architecture, 3);
        own.expect("a grid").over_spots(spots.clone().into())
    };
    context.grids = context.grids[..1].iter().map(grid).collect();
    context.groups = Groups { spots, groups: vec![group(3), group(2)], numbers: vec![1, 0] };
    context
}

#[test]
fn prompts_of_different_lengths_come_back_with_their_groups() {
    let sent = grouped();
    assert_eq!(decode_context(&encode_context(&sent)), Ok(sent.clone()));
    let part = sent.part(1);
    assert_eq!((part.first, part.context.clean.row(0)), (1, [4, 5].as_slice()));
    assert_eq!((part.context.iterations[0].reads.as_slice(), part.context.groups.number(0)), ([1].as_slice(), 0));
    assert_eq!(part.context.grids[0].cell(2).positions(), [0, 1]);
}

#[test]
fn groups_that_do_not_fit_the_prompts_are_refused() {
    let refusal = |change: fn(&mut SweepContext)| {
        let mut context = grouped();
        change(&mut context);
        decode_context(&encode_context(&context)).expect_err("is refused").to_string()
    };
    assert!(refusal(|c| c.groups = Groups::default()).contains("none, but prompts differ"));
    assert!(refusal(|c| c.groups.groups[0].prompts = 2).contains("not all prompts"));
    assert!(refusal(|c| c.groups.groups[1].tokens = 3).contains("prompts of another length"));
    assert!(refusal(|c| c.groups.groups[1].spots[0] = vec![2]).contains("out of range"));
    assert!(refusal(|c| c.groups.groups[1].spots[0] = vec![]).contains("positions that are none"));
    assert!(refusal(|c| c.groups.groups[1].spots.truncate(2)).contains("positions that are none"));
    assert!(refusal(|c| c.groups.numbers = vec![0, 0]).contains("not those of all prompts"));
    assert!(refusal(|c| c.groups.spots.clear()).contains("none, but there are groups"));
    assert!(refusal(|c| c.iterations[0].reads = vec![2]).contains("several positions, or one twice"));
    assert!(refusal(|c| c.iterations[0].reads = vec![0, 1]).contains("not one per prompt"));
    assert!(refusal(|c| c.grids[0].value = PatchValue::Mean).contains("a mean over prompts of different lengths"));
    assert!(refusal(|c| c.grids[0].value = PatchValue::Knockout).contains("`knockout` is of attention probabilities"));
}

#[test]
fn sizes_that_no_model_has_are_refused_before_anything_is_listed() {
    let valid = || v1::SweepContext::from(&context());
    let sizes = || valid().architecture.expect("an architecture");
    for architecture in [
        v1::Architecture { layers: u32::MAX, ..sizes() },
        v1::Architecture { heads: u32::MAX, ..sizes() },
        v1::Architecture { n_ctx: u32::MAX, ..sizes() },
    ] {
        let huge = v1::SweepContext { architecture: Some(architecture), ..valid() };
        let refused = SweepContext::try_from(huge).expect_err("is refused");
        assert!(refused.to_string().contains("is 4294967295; it must be 1 to"), "{refused}");
    }
}

#[test]
fn grids_that_list_more_indices_than_a_sweep_has_are_refused() {
    let mut many = v1::SweepContext::from(&context());
    let deep = Architecture::plain(Sizes { layers: 1 << 12, ..SIZES });
    many.architecture = Some((&deep).into());
    let also = v1::Also { component: v1::Component::Pattern.into(), ..Default::default() };
    let mut patterns = v1::SweepContext::from(&context());
    patterns.grids[0].also = vec![also; (1 << 24) / 3];
    let refused = SweepContext::try_from(patterns).expect_err("is refused");
    assert!(refused.to_string().contains("more indices than a sweep may have"), "{refused}");
    let unrestricted = v1::Grid { selections: Vec::new(), ..many.grids[0].clone() };
    many.grids = vec![unrestricted; (1 << 12) + 1];
    let refused = SweepContext::try_from(many).expect_err("is refused");
    assert!(refused.to_string().contains("more indices than a sweep may have"), "{refused}");
}
