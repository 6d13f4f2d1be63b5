//! The manifest: everything that went into a sweep.
//!
//! Two runs of one spec differ only under `run`.

use std::time::UNIX_EPOCH;

use patchsweep_proto::context::{Iteration, Noise};
use patchsweep_proto::grid::{Axis, Grid, PatchValue};
use patchsweep_proto::metric::Metric;
use serde_json::{Map, Value, json};

use super::record::{Share, SweepRecord};
use crate::plan::{GridSummary, Plan};

pub(super) fn of(record: &SweepRecord) -> Value {
    let plan = &record.plan;
    let context = &plan.context;
    let shape = context.shape;
    json!({
        "manifest_version": 2,
        "patchsweep_version": env!("CARGO_PKG_VERSION"),
        "sweep": { "id": record.id.0, "name": plan.name, "digest": plan.digest.to_hex() },
        "spec": plan.spec_text,
        "direction": context.direction,
        "model": {
            "name": context.model.to_string(),
            "digest": record.model.map(|digest| digest.to_hex()),
            "dtype": context.dtype,
            "tf32": context.tf32,
            "layers": shape.layers,
            "heads": shape.heads,
            "d_model": shape.d_model,
            "d_mlp": shape.d_mlp,
            "d_vocab": shape.d_vocab,
        },
        "dataset": {
            "digest": record.dataset.to_hex(),
            "prompts": context.clean.prompts(),
            "positions": context.clean.positions(),
            "seed": plan.seeds.dataset,
            "corruption_seed": plan.seeds.corruption,
        },
        "labels": {
            "iteration": plan.iteration_labels,
            "token": plan.token_labels,
        },
        "iterations": iterations(plan),
        "metrics": context.metrics.iter().map(metric).collect::<Value>(),
        "grids": grids(plan, &record.summaries),
        "tiles": { "count": plan.tiles.len(), "multiply_adds": plan.multiply_adds() },
        "run": run(record),
    })
}

fn iterations(plan: &Plan) -> Value {
    let context = &plan.context;
    let positions = context.clean.positions() as usize;
    let iteration = |(index, (label, iteration)): (usize, (&String, &Iteration))| {
        let pairs = || context.clean.ids().iter().zip(iteration.corrupted.ids());
        let differs = |pos: &usize| pairs().skip(*pos).step_by(positions).any(|(clean, corrupted)| clean != corrupted);
        let corrupted: Vec<usize> = (0..positions).filter(differs).collect();
        json!({
            "label": label,
            "reads": iteration.reads,
            "corrupted_positions": corrupted,
            "noise": iteration.noise.as_ref().map(noise),
            "unchanged_prompts": plan.unchanged_prompts(index),
            "kept_answers": plan.kept_answers.get(index),
        })
    };
    plan.iteration_labels.iter().zip(&context.iterations).enumerate().map(iteration).collect()
}

fn noise(noise: &Noise) -> Value {
    json!({ "positions": noise.positions, "scale": noise.scale, "seed": noise.seed })
}

fn metric(metric: &Metric) -> Value {
    json!({
        "name": metric.name,
        "kind": metric.kind.name(),
        "candidate_ids": metric.kind.candidates(),
        "normalize": metric.normalize,
    })
}

fn grids(plan: &Plan, summaries: &[GridSummary]) -> Value {
    let iterations = plan.context.iterations.len();
    let grid = |(grid, summary): (&Grid, &GridSummary)| {
        let axes = ["iteration"].into_iter().chain(grid.axes.iter().map(|axis| axis.name()));
        let sizes = [iterations].into_iter().chain(grid.extents().into_iter().map(|extent| extent as usize));
        let at_once = grid.component.axes().iter().filter(|axis| !grid.axes.contains(axis));
        json!({
            "name": grid.name,
            "component": grid.component.name(),
            "value": match grid.value {
                PatchValue::Other => "other",
                PatchValue::Zero => "zero",
                PatchValue::Mean => "mean",
            },
            "axes": axes.collect::<Vec<_>>(),
            "shape": sizes.collect::<Vec<_>>(),
            "coordinates": indices(grid, &grid.axes),
            "patched_at_once": indices(grid, at_once),
            "cells": summary.cells,
            "noops": summary.noops,
        })
    };
    plan.context.grids.iter().zip(summaries).map(grid).collect()
}

/// The layers, positions or heads along some axes, by the axis' name.
fn indices<'a>(grid: &Grid, axes: impl IntoIterator<Item = &'a Axis>) -> Map<String, Value> {
    axes.into_iter().map(|&axis| (axis.name().to_owned(), grid.indices(axis).into())).collect()
}

fn run(record: &SweepRecord) -> Value {
    let started = record.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let worker = |share: &Share| {
        json!({
            "name": share.name,
            "device": share.device,
            "tiles": share.tiles,
            "busy_seconds": share.busy_seconds,
            "multiply_adds": share.work.multiply_adds,
            "memory_retries": share.work.memory_retries,
            "cache": {
                "hits": share.cache.hits,
                "misses": share.cache.misses,
                "evictions": share.cache.evictions,
                "bytes": share.cache.bytes,
                "budget_bytes": share.cache.budget_bytes,
            },
        })
    };
    json!({
        "started_unix_seconds": started.as_secs(),
        "seconds": record.began.elapsed().as_secs_f64(),
        "executed_multiply_adds": record.executed_multiply_adds,
        "workers": record.shares.values().map(worker).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use patchsweep_proto::context::Direction;
    use patchsweep_proto::digest::Digest;
    use patchsweep_proto::ids::{SweepId, TileId, WorkerId};
    use patchsweep_proto::metric::MetricKind;
    use patchsweep_proto::scores::{CellScore, TileScores, WorkDone};
    use patchsweep_proto::status::PlanOptions;

    use super::*;
    use crate::merge::example;
    use crate::server::handle::Computed;

    /// The example, denoising with noise, another metric, and a restricted grid that ablates.
    fn record() -> SweepRecord {
        let plan = example::plan(PlanOptions::default());
        let mut record = SweepRecord::new(SweepId("s".into()), plan, Digest::of(b"dataset"));
        let plan = Arc::make_mut(&mut record.plan);
        plan.kept_answers = vec![Some(2), None];
        let context = Arc::make_mut(&mut plan.context);
        context.direction = Direction::Denoising;
        context.tf32 = true;
        context.iterations[0].reads = vec![1, 2];
        context.iterations[0].noise = Some(Noise { positions: vec![0], scale: 3.0, seed: 7 });
        context.metrics.push(Metric { name: "distance".into(), kind: MetricKind::Kl, normalize: true });
        let grid = context.grids[0].clone().restricted(Axis::Head, vec![1]).expect("a head");
        context.grids[0] = grid.patched_with(PatchValue::Mean);
        record
    }

    #[test]
    fn a_manifest_says_what_decided_the_scores() {
        let manifest = of(&record());
        assert_eq!(manifest["direction"], "denoising");
        assert_eq!(manifest["model"]["tf32"], true);
        let iteration = &manifest["iterations"][0];
        assert_eq!(iteration["reads"], json!([1, 2]));
        assert_eq!(iteration["noise"], json!({ "positions": [0], "scale": 3.0, "seed": 7 }));
        assert_eq!(iteration["kept_answers"], 2);
        assert_eq!(manifest["iterations"][1]["noise"], Value::Null);
        assert_eq!(manifest["iterations"][1]["kept_answers"], Value::Null);
        assert_eq!(
            manifest["metrics"],
            json!([
                { "name": "logit_diff_max", "kind": "logit_diff_max", "candidate_ids": [1, 2], "normalize": false },
                { "name": "distance", "kind": "kl", "candidate_ids": [], "normalize": true },
            ])
        );
    }

    #[test]
    fn a_grid_has_the_coordinates_of_its_axes_and_says_what_is_patched_at_once() {
        let mut record = record();
        let grid = &of(&record)["grids"][0];
        assert_eq!((&grid["value"], &grid["shape"]), (&json!("mean"), &json!([2, 2, 3, 1])));
        assert_eq!(grid["coordinates"], json!({ "layer": [0, 1], "pos": [0, 1, 2], "head": [1] }));
        assert_eq!(grid["patched_at_once"], json!({}));
        assert_eq!(
            (&grid["cells"], &grid["noops"]),
            (&json!(record.summaries[0].cells), &json!(record.summaries[0].noops))
        );

        let context = Arc::make_mut(&mut Arc::make_mut(&mut record.plan).context);
        context.grids[0].axes.remove(1);
        assert_eq!(of(&record)["grids"][0]["patched_at_once"], json!({ "pos": [0, 1, 2] }));
    }

    #[test]
    fn executed_work_is_that_of_kept_results() {
        let mut record = record();
        let computed = || Computed {
            scores: TileScores { metrics: 2, scores: vec![CellScore::default(); 4] },
            model: Digest::of(b"model"),
        };
        let work = WorkDone { multiply_adds: 40, memory_retries: 1 };
        record.keep(WorkerId(1), TileId(0), computed(), work);
        record.keep(WorkerId(2), TileId(1), computed(), work);
        record.shares.entry(WorkerId(1)).or_default().work = work;
        let run = &of(&record)["run"];
        assert_eq!(run["executed_multiply_adds"], 80);
        assert_eq!(
            (&run["workers"][0]["multiply_adds"], &run["workers"][0]["memory_retries"]),
            (&json!(40), &json!(1))
        );
    }
}
