//! The engine and the plain evaluator against brute force on random architectures.

mod counts;
mod folder;
mod strategy;

use std::cell::RefCell;

use patchsweep_core::architecture::{Architecture, Sizes as ModelSizes};
use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::grid::{Component, PatchValue};
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_reference_evaluator::{BruteForce, Model};
use proptest::prelude::*;

use super::grids::grids;
use super::iterations::{candidates, drawn_iterations, token_ids};
use super::metrics::metrics;
use super::scenario::{Cut, Sizes, Topic, cuts};
use super::sweep::{EXACTLY_NOTHING, Effects, check_on, iterations};
use super::{draw, runner};
use counts::Counts;
use folder::Described;
use strategy::architectures;

/// A model and a sweep of it.
#[derive(Clone, Debug)]
struct Case {
    model: Described,
    context: SweepContext,
    cut: Cut,
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
        let contexts = contexts(&architecture, sizes, topic);
        let model = (Just(architecture), 0.5f64..1.5, any::<u64>()).no_shrink();
        let model = model.prop_map(|(architecture, gain, seed)| Described { architecture, gain, seed });
        (model, contexts, cuts(sizes)).prop_map(|(model, context, cut)| Case { model, context, cut })
    })
}

/// Sizes with the component's number of heads.
fn sizes_of(architecture: &Architecture, component: Component) -> ModelSizes {
    let &Architecture { layers, heads, kv_heads, d_model, d_mlp, d_vocab, n_ctx, .. } = architecture;
    let heads = if matches!(component, Component::K | Component::V) { kv_heads } else { heads };
    ModelSizes { layers, heads, d_model, d_mlp, d_vocab, n_ctx }
}

fn contexts(architecture: &Architecture, sizes: Sizes, topic: Topic) -> impl Strategy<Value = SweepContext> + use<> {
    let architecture = architecture.clone();
    candidates(sizes.shape.d_vocab).prop_flat_map(move |candidates| {
        let drawn = drawn_iterations(sizes, topic.corruption, &candidates);
        let architecture = architecture.clone();
        (token_ids(sizes), drawn, metrics(candidates, sizes.shape.d_vocab), grids(sizes, topic)).prop_map(
            move |(clean, iterations, metrics, grids)| SweepContext {
                model: ModelRef::folder("model").expect("a plain name"),
                architecture: architecture.clone(),
                dtype: Dtype::Float32,
                tf32: false,
                direction: topic.direction,
                iterations: iterations.iter().map(|drawn| drawn.over(&clean)).collect(),
                metrics,
                grids,
                clean,
                per_prompt: true,
                replicates: 1,
            },
        )
    })
}

/// The engine's scores are brute force's, and patches by what the patched run has itself do nothing.
fn check(case: &Case) -> Result<Effects, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model");
    std::fs::create_dir(&path).expect("a folder");
    case.model.write(&path);
    let effects = check_on(folder.path(), &case.context, &case.cut)?;
    let model = Model::load(&path);
    for iteration in iterations(&case.context) {
        let itself = against_itself(&case.context, iteration);
        let brute_force = BruteForce::new(&model, &itself, 0);
        let unpatched = brute_force.unpatched();
        for grid in case.context.grids.iter().filter(|grid| grid.value == PatchValue::Other) {
            for place in 0..grid.cell_count().expect("few cells") {
                let same = check_same(&brute_force.patched(&grid.cell(place)), &unpatched);
                same.map_err(|error| format!("iteration {iteration}, {}, cell {place}: {error}", grid.name))?;
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
fn every_grid_value_direction_and_corruption_is_exact_on_any_architecture() {
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
