//! Brute force on random architectures: what must hold of patches of any of them.
//!
//! The engine's scores are held to brute force's elsewhere; this is about brute force and about causality, which say of each
//! architecture what no score of any other evaluator could.

mod counts;
mod folder;
mod strategy;

use std::cell::RefCell;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::grid::{Component, PatchValue};
use patchsweep_core::model::{Dtype, ModelRef, ModelShape};
use patchsweep_reference_evaluator::{BruteForce, Model};
use proptest::prelude::*;

use super::grids::grids;
use super::iterations::{candidates, drawn_iterations, token_ids};
use super::metrics::metrics;
use super::scenario::{Sizes, Topic};
use super::sweep::{EXACTLY_NOTHING, Effects, check_noops, iterations, noops};
use super::{draw, runner};
use counts::Counts;
use folder::Described;
use strategy::architectures;

/// A model and a sweep of it.
#[derive(Clone, Debug)]
struct Case {
    model: Described,
    context: SweepContext,
}

/// Cases about a topic, with all fields of the architecture drawn.
fn cases(topic: Topic) -> impl Strategy<Value = Case> {
    let has_resid_mid = topic.component == Component::ResidMid;
    let sizes = (2..=8u32, 1..=2u32);
    let with_architecture = sizes.prop_flat_map(move |(positions, prompts)| {
        (architectures(positions, has_resid_mid), Just((positions, prompts)))
    });
    with_architecture.prop_flat_map(move |(architecture, (positions, prompts))| {
        let sizes = Sizes { shape: sizes_of(&architecture, topic.component), positions, prompts };
        let model = (Just(architecture), 0.5f64..1.5, any::<u64>()).no_shrink();
        let model = model.prop_map(|(architecture, gain, seed)| Described { architecture, gain, seed });
        (model, contexts(sizes, topic)).prop_map(|(model, context)| Case { model, context })
    })
}

/// Sizes with the component's number of heads.
fn sizes_of(architecture: &Architecture, component: Component) -> ModelShape {
    let &Architecture { layers, heads, kv_heads, d_model, d_mlp, d_vocab, n_ctx, .. } = architecture;
    let heads = if matches!(component, Component::K | Component::V) { kv_heads } else { heads };
    ModelShape { layers, heads, d_model, d_mlp, d_vocab, n_ctx }
}

fn contexts(sizes: Sizes, topic: Topic) -> impl Strategy<Value = SweepContext> {
    candidates(sizes.shape.d_vocab).prop_flat_map(move |candidates| {
        let drawn = drawn_iterations(sizes, topic.corruption, &candidates);
        (token_ids(sizes), drawn, metrics(candidates, sizes.shape.d_vocab), grids(sizes, topic)).prop_map(
            move |(clean, iterations, metrics, grids)| SweepContext {
                model: ModelRef::folder("model").expect("a plain name"),
                shape: sizes.shape,
                dtype: Dtype::Float32,
                tf32: false,
                direction: topic.direction,
                iterations: iterations.iter().map(|drawn| drawn.over(&clean)).collect(),
                metrics,
                grids,
                clean,
                per_prompt: false,
                replicates: 1,
            },
        )
    })
}

/// Patches that are said to do nothing do nothing, and so do those by what the patched run has itself.
fn check(case: &Case) -> Result<Effects, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    case.model.write(folder.path());
    let model = Model::load(folder.path());
    let mut effects = Effects::default();
    for iteration in iterations(&case.context) {
        let brute_force = BruteForce::new(&model, &case.context, iteration as usize);
        let itself = against_itself(&case.context, iteration);
        let by_itself = BruteForce::new(&model, &itself, 0);
        let unpatched = [brute_force.unpatched(), by_itself.unpatched()];
        for grid in &case.context.grids {
            for place in 0..grid.cell_count().expect("few cells") {
                let cell = grid.cell(place);
                let at = |error: String| format!("iteration {iteration}, {}, cell {place}: {error}", grid.name);
                let noops = noops(&case.context, iteration, &cell);
                let patched = brute_force.patched(&cell);
                if !patched.iter().flatten().all(|score| score.is_finite()) {
                    return Err(at("a score that is no number".to_owned()));
                }
                effects.add(check_noops(&patched, &unpatched[0], &noops).map_err(at)?);
                if cell.value() == PatchValue::Other {
                    check_same(&by_itself.patched(&cell), &unpatched[1]).map_err(at)?;
                }
            }
        }
    }
    Ok(effects)
}

/// The sweep of one iteration whose corrupted run is the clean one.
fn against_itself(context: &SweepContext, iteration: u32) -> SweepContext {
    let mut itself = context.clone();
    let mut iteration = context.iterations[iteration as usize].clone();
    iteration.corrupted = context.clean.clone();
    iteration.noise = None;
    itself.iterations = vec![iteration];
    itself
}

fn check_same(patched: &[Vec<f64>], unpatched: &[Vec<f64>]) -> Result<(), String> {
    let pairs = patched.iter().flatten().zip(unpatched.iter().flatten());
    match pairs.map(|(after, before)| (after - before).abs()).find(|&change| !(change <= EXACTLY_NOTHING)) {
        Some(change) => Err(format!("a patch by what is there already changes a metric by {change}")),
        None => Ok(()),
    }
}

/// Fields whose values are few, with all of them.
const VALUES: [(&str, &[&str]); 24] = [
    (".embed.positions", &["null", "{offset}"]),
    (".embed.positions.offset", &["0", "2"]),
    (".wiring", &["sequential", "{parallel}"]),
    (".wiring.parallel.norms", &["one", "two"]),
    (".norm.kind", &["layer", "rms"]),
    (".norm.weight", &["false", "true"]),
    (".norm.bias", &["false", "true"]),
    (".norm.offset", &["0.0", "1.0"]),
    (".norm.place", &["before", "before_and_after", "after"]),
    (".attention.qkv_bias", &["false", "true"]),
    (".attention.output_bias", &["false", "true"]),
    (".attention.qk_norm", &["none", "per_head", "whole"]),
    (".attention.score_cap", &["null", "2.0", "30.0"]),
    (".attention.layers[].window", &["null", "1", "2", "3", "4", "5", "6"]),
    (".attention.layers[].rotary", &["null", "{base pairing scaling width}"]),
    (".attention.layers[].rotary.pairing", &["halves", "adjacent"]),
    (".attention.layers[].rotary.scaling", &["none", "{linear}", "{llama3}"]),
    (".mlp.gated", &["false", "true"]),
    (".mlp.activation", &["relu", "gelu", "gelu_new", "silu"]),
    (".mlp.bias", &["false", "true"]),
    (".readout.norm", &["false", "true"]),
    (".readout.cap", &["null", "4.0", "30.0"]),
    (".readout.bias", &["false", "true"]),
    (".readout.tied", &["false", "true"]),
];

#[test]
fn on_any_architecture_a_patch_that_cannot_matter_changes_nothing() {
    let mut runner = runner();
    let directions = [Direction::Noising, Direction::Denoising];
    let topics: Vec<Topic> = directions.into_iter().flat_map(|_| Topic::all()).collect();
    assert!(topics.len() >= 400, "{} cases", topics.len());
    let effects = RefCell::new(Effects::default());
    let counts = RefCell::new(Counts::default());
    for topic in topics {
        draw(&mut runner, &cases(topic), |case| {
            counts.borrow_mut().add(&case.model.architecture);
            effects.borrow_mut().add(check(&case)?);
            Ok(())
        });
    }
    let (counts, effects) = (counts.into_inner(), effects.into_inner());
    println!("{counts}{effects:?}");
    for (path, values) in VALUES {
        for value in values {
            assert!(counts.of(path, value) >= 10, "{path} is {value} {} times", counts.of(path, value));
        }
    }
    assert!(counts.constant().is_empty(), "not drawn: {:?}", counts.constant());
    assert!(effects.moved * 10 > effects.live * 7, "most patches that can matter do: {effects:?}");
    assert!(effects.noop * 10 > effects.live, "and there are enough that cannot: {effects:?}");
}
