//! The manifest: everything that went into a sweep.
//!
//! Two runs of one spec differ only under `run`.

use std::time::UNIX_EPOCH;

use patchsweep_proto::grid::Axis;
use patchsweep_proto::metric::MetricKind;
use serde_json::{Value, json};

use super::record::{Share, SweepRecord};
use crate::plan::Plan;

pub(super) fn of(record: &SweepRecord) -> Value {
    let plan = &record.plan;
    let context = &plan.context;
    let shape = context.shape;
    json!({
        "manifest_version": 1,
        "patchsweep_version": env!("CARGO_PKG_VERSION"),
        "sweep": { "id": record.id.0, "name": plan.name, "digest": plan.digest.to_hex() },
        "spec": plan.spec_text,
        "model": {
            "name": context.model.to_string(),
            "digest": record.model.map(|digest| digest.to_hex()),
            "dtype": context.dtype,
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
        "metrics": metrics(plan),
        "grids": grids(plan),
        "tiles": { "count": plan.tiles.len(), "multiply_adds": plan.multiply_adds() },
        "run": run(record),
    })
}

fn iterations(plan: &Plan) -> Value {
    let context = &plan.context;
    let positions = context.clean.positions() as usize;
    let iteration = |(index, (label, iteration)): (usize, (&String, &patchsweep_proto::context::Iteration))| {
        let pairs = || context.clean.ids().iter().zip(iteration.corrupted.ids());
        let differs = |pos: &usize| pairs().skip(*pos).step_by(positions).any(|(clean, corrupted)| clean != corrupted);
        let corrupted: Vec<usize> = (0..positions).filter(differs).collect();
        json!({
            "label": label,
            "read": iteration.read,
            "corrupted_positions": corrupted,
            "unchanged_prompts": plan.unchanged_prompts(index),
        })
    };
    plan.iteration_labels.iter().zip(&context.iterations).enumerate().map(iteration).collect()
}

fn metrics(plan: &Plan) -> Value {
    let metric = |metric: &patchsweep_proto::metric::Metric| match &metric.kind {
        MetricKind::LogitDiffMax { candidates } => {
            json!({ "name": metric.name, "kind": metric.kind.name(), "candidate_ids": candidates })
        }
    };
    plan.context.metrics.iter().map(metric).collect()
}

fn grids(plan: &Plan) -> Value {
    let context = &plan.context;
    let grid = |grid: &patchsweep_proto::grid::Grid| {
        let axes = ["iteration"].into_iter().chain(grid.axes.iter().map(|axis: &Axis| axis.name()));
        let extents = grid.extents(&context.shape, context.clean.positions());
        let sizes = [context.iterations.len()].into_iter().chain(extents.iter().map(|&extent| extent as usize));
        json!({
            "name": grid.name,
            "component": grid.component.name(),
            "axes": axes.collect::<Vec<_>>(),
            "shape": sizes.collect::<Vec<_>>(),
        })
    };
    context.grids.iter().map(grid).collect()
}

fn run(record: &SweepRecord) -> Value {
    let started = record.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let worker = |share: &Share| {
        json!({
            "name": share.name,
            "device": share.device,
            "tiles": share.tiles,
            "busy_seconds": share.busy_seconds,
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
        "workers": record.shares.values().map(worker).collect::<Vec<_>>(),
    })
}
