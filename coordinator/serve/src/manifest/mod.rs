//! The manifest: everything that went into a sweep, and how it went.
//!
//! Two runs of one spec differ only under `run`.

mod facts;
mod run;

use std::sync::Arc;

use patchsweep_core::also::Also;
use patchsweep_core::context::{Iteration, Noise, SweepContext};
use patchsweep_core::dictionary::{Dictionary, Encoder};
use patchsweep_core::estimate::{Estimate, Verify};
use patchsweep_core::grid::{Axis, Component, Grid};
use patchsweep_core::metric::Metric;
use patchsweep_core::paths::Receivers;
use serde_json::{Map, Value, json};

pub use facts::{FailedAttempt, MOST_FAILURES, RunFacts, SoFar, TileFacts, WorkerShare};
use patchsweep_plan::{GridSummary, Plan};
use patchsweep_results::statistics::{BOOTSTRAP_SEED, CONFIDENCE, FALSE_DISCOVERY_RATE, Method, RESAMPLES};

/// Version of the manifest's form.
pub const MANIFEST_VERSION: u32 = 4;

/// The manifest of a sweep: a JSON object.
#[must_use]
pub fn manifest(plan: &Plan, facts: &RunFacts) -> Value {
    let context = &plan.context;
    let architecture = &context.architecture;
    json!({
        "manifest_version": MANIFEST_VERSION,
        "patchsweep_version": env!("CARGO_PKG_VERSION"),
        "sweep": { "id": facts.sweep.0, "name": plan.name, "digest": plan.digest.to_hex() },
        "spec": plan.spec_text,
        "warnings": warnings(plan, facts),
        "direction": context.direction,
        "model": {
            "name": context.model.to_string(),
            "digest": facts.model.map(|digest| digest.to_hex()),
            "dtype": context.dtype,
            "tf32": context.tf32,
            "layers": architecture.layers,
            "heads": architecture.heads,
            "kv_heads": architecture.kv_heads,
            "d_model": architecture.d_model,
            "d_head": architecture.d_head,
            "d_mlp": architecture.d_mlp,
            "d_vocab": architecture.d_vocab,
        },
        "dataset": {
            "digest": facts.dataset.to_hex(),
            "prompts": context.clean.prompts(),
            "prompts_digest": plan.prompts.to_hex(),
            "lines": (!plan.lines.is_empty()).then_some(&plan.lines),
            "positions": context.clean.positions(),
            "shortest": shortest(context),
            "groups": context.groups.groups.len().max(1),
            "first_prompt": plan.first_prompt(),
            "seed": plan.seeds.dataset,
            "corruption_seed": plan.seeds.corruption,
            "replicates": context.replicates,
            "replicate_seeds": replicate_seeds(plan),
        },
        "labels": {
            "iteration": plan.iteration_labels,
            "token": plan.token_labels,
        },
        "iterations": iterations(plan),
        "metrics": metrics(plan),
        "dictionaries": dictionaries(plan),
        "grids": grids(plan, &plan.summarize()),
        "statistics": statistics(plan),
        "tiles": { "count": plan.tiles.len(), "multiply_adds": plan.multiply_adds() },
        "run": run::run(plan, facts),
    })
}

/// Warnings of the plan, and what workers found in weights that the coordinator did not see.
fn warnings<'a>(plan: &'a Plan, facts: &'a RunFacts) -> Vec<&'a String> {
    let found = facts.notes.iter().filter(|note| !plan.warnings.contains(note));
    plan.warnings.iter().chain(found).collect()
}

/// Of the corruption, one for each replicate; null where there is none to draw.
fn replicate_seeds(plan: &Plan) -> Option<Vec<u64>> {
    let seed = plan.seeds.corruption?;
    Some((0..plan.context.replicates).map(|index| seed.wrapping_add(index.into())).collect())
}

/// How intervals and significance are made from these results, here and elsewhere.
fn statistics(plan: &Plan) -> Value {
    let context = &plan.context;
    let method = Method::of(context.per_prompt, context.clean.prompts().into());
    let is_bootstrap = method == Method::Bootstrap;
    json!({
        "per_prompt": context.per_prompt,
        "interval": method.name(),
        "confidence": CONFIDENCE,
        "resamples": is_bootstrap.then_some(RESAMPLES),
        "resampling_seed": is_bootstrap.then_some(BOOTSTRAP_SEED),
        "correction": "benjamini-hochberg",
        "false_discovery_rate": FALSE_DISCOVERY_RATE,
    })
}

/// Tokens of the shortest prompt.
fn shortest(context: &SweepContext) -> u32 {
    context.groups.groups.iter().map(|group| group.tokens).min().unwrap_or(context.clean.positions())
}

/// Positions by their numbers, or by what spots are called.
fn places(context: &SweepContext, positions: &[u32]) -> Value {
    let spots = &context.groups.spots;
    let place = |&position: &u32| match spots.get(position as usize) {
        Some(spot) => spot.number.map_or_else(|| spot.name.clone().into(), Value::from),
        None => position.into(),
    };
    positions.iter().map(place).collect()
}

fn iterations(plan: &Plan) -> Value {
    let context = &plan.context;
    let positions = context.clean.positions() as usize;
    let scored = plan.scored_tokens();
    let iteration = |(index, (label, replicates)): (usize, (&String, &[Iteration]))| {
        let pairs = || replicates.iter().flat_map(|run| context.clean.ids().iter().zip(run.corrupted.ids()));
        let iteration = &replicates[0];
        let differs = |pos: &usize| pairs().skip(*pos).step_by(positions).any(|(clean, corrupted)| clean != corrupted);
        // Of prompts of different lengths a position is not the same place.
        let corrupted: Option<Vec<usize>> =
            (!context.clean.is_ragged()).then(|| (0..positions).filter(differs).collect());
        json!({
            "label": label,
            "reads": places(context, &iteration.reads),
            "answers": scored.get(index),
            "corrupted_positions": corrupted,
            "noise": iteration.noise.as_ref().map(|own| noise(context, own)),
            "unchanged_prompts": plan.unchanged_prompts(index),
            "kept_answers": plan.kept_answers.get(index),
        })
    };
    let replicates = context.iterations.chunks(context.replicates as usize);
    plan.iteration_labels.iter().zip(replicates).enumerate().map(iteration).collect()
}

fn noise(context: &SweepContext, noise: &Noise) -> Value {
    json!({ "positions": places(context, &noise.positions), "scale": noise.scale, "seed": noise.seed })
}

fn metrics(plan: &Plan) -> Value {
    let sets = plan.token_sets();
    let metric = |metric: &Metric| {
        json!({
            "name": metric.name,
            "kind": metric.kind.name(),
            "candidate_ids": metric.kind.candidates(),
            "sets": sets.iter().find(|sets| sets.metric == metric.name),
            "normalize": metric.normalize,
        })
    };
    plan.context.metrics.iter().map(metric).collect()
}

/// Those whose features are written, each once.
fn dictionaries(plan: &Plan) -> Value {
    let mut seen: Vec<&Arc<Dictionary>> = Vec::new();
    for dictionary in plan.context.grids.iter().filter_map(Grid::dictionary) {
        if !seen.contains(&dictionary) {
            seen.push(dictionary);
        }
    }
    let dictionary = |dictionary: &Arc<Dictionary>| {
        let (k, rescaled) = match dictionary.encoder {
            Encoder::TopK { k, rescaled } => (Some(k), Some(rescaled)),
            _ => (None, None),
        };
        json!({
            "name": dictionary.name,
            "path": dictionary.path,
            "digest": dictionary.digest.to_hex(),
            "at": dictionary.hook_name(),
            "model": plan.dictionary_models.get(&dictionary.name),
            "architecture": dictionary.encoder.name(),
            "k": k,
            "rescale_acts_by_decoder_norm": rescaled,
            "apply_b_dec_to_input": dictionary.subtracts_decoder_bias,
            "center_writing_weights": dictionary.of_centred_model,
            "d_in": dictionary.width,
            "d_sae": dictionary.features,
        })
    };
    seen.into_iter().map(dictionary).collect()
}

fn grids(plan: &Plan, summaries: &[GridSummary]) -> Value {
    let iterations = plan.context.spec_iterations();
    let grid = |(index, summary): (u32, &GridSummary)| {
        // Of a grid that chooses its features those that are in the results.
        let grid = &plan.shown_grid(index);
        let axes = ["iteration"].into_iter().chain(grid.axes.iter().map(|axis| axis.name()));
        let sizes = [iterations].into_iter().chain(grid.extents().into_iter().map(|extent| extent as usize));
        let at_once = grid.site_axes().iter().filter(|axis| !grid.axes.contains(axis));
        json!({
            "name": grid.name,
            "component": grid.site_names(),
            "dictionary": grid.dictionary().map(|dictionary| &dictionary.name),
            "features": grid.chooses_features().then_some("active"),
            "components": grid.components().map(Component::name).collect::<Vec<_>>(),
            "value": grid.value.name(),
            "window": grid.window(),
            "also": grid.also().iter().map(|own| also(&plan.context, own)).collect::<Vec<_>>(),
            "to": grid.to().map(receivers),
            "writes": grid.words(),
            "estimate": grid.estimate.map(estimate),
            "axes": axes.collect::<Vec<_>>(),
            "shape": sizes.collect::<Vec<_>>(),
            "coordinates": indices(grid, &grid.axes),
            "patched_at_once": indices(grid, at_once),
            "cells": summary.cells,
            "noops": summary.noops,
            "multiply_adds": summary.multiply_adds,
            "multiply_adds_naive": summary.naive_number(),
        })
    };
    (0..).zip(summaries).map(grid).collect()
}

/// How effects are estimated.
fn estimate(estimate: Estimate) -> Value {
    let Estimate { gradients, recompute_pattern, verify } = estimate;
    let verify = verify.map(|Verify { top, sample, seed }| json!({ "top": top, "sample": sample, "seed": seed }));
    json!({
        "gradients": gradients.name(),
        "steps": gradients.steps(),
        "recompute_pattern": recompute_pattern,
        "verify": verify,
    })
}

/// What every cell writes as well, in one layer.
fn also(context: &SweepContext, also: &Also) -> Value {
    json!({
        "component": also.component.name(),
        "layer": also.layer,
        "heads": also.heads,
        "neurons": &*also.neurons,
        "positions": places(context, &also.positions),
        "value": also.value.name(),
    })
}

/// Where paths end.
fn receivers(to: &Receivers) -> Value {
    json!({
        "component": to.name(),
        "places": to.places.iter().map(|(layer, heads)| json!({ "layer": layer, "heads": heads })).collect::<Vec<_>>(),
        "positions": to.positions,
        "mlps": to.mlps.name(),
        "norm": to.norms.name(),
        "each_alone": to.apart,
    })
}

/// The layers, positions or heads along some axes, by the axis' name.
fn indices<'a>(grid: &Grid, axes: impl IntoIterator<Item = &'a Axis>) -> Map<String, Value> {
    let along = |axis| match grid.names(axis) {
        Some(names) => Value::from(names),
        None => grid.coordinates(axis).into(),
    };
    axes.into_iter().map(|&axis| (axis.name().to_owned(), along(axis))).collect()
}

#[cfg(test)]
mod tests;
