//! How the sweep went: the part of the manifest that differs between two runs.

use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_plan::Plan;
use serde_json::{Value, json};

use super::facts::{FailedAttempt, RunFacts, SoFar, TileFailure, WorkerShare};

pub(super) fn run(plan: &Plan, facts: &RunFacts) -> Value {
    let executed = facts.workers.values().map(|share| share.work.multiply_adds).fold(0, u64::saturating_add);
    let workers = facts.workers.iter().map(|((name, device), share)| worker(name, device, share));
    let failures = facts.failures.iter().filter_map(|failure| {
        let tile = plan.tiles.get(failure.tile.0 as usize)?;
        Some(tile_failure(plan, tile, failure))
    });
    json!({
        "started_unix_seconds": facts.submitted_unix_seconds,
        "seconds": facts.seconds,
        "executed_multiply_adds": executed,
        "results_dropped": facts.results_dropped,
        "tiles_recomputed": facts.tiles_recomputed,
        "tiles_failed": facts.tiles_failed,
        "partial": facts.so_far.map(|so_far| partial(plan, facts, so_far)),
        "failures": failures.collect::<Value>(),
        "workers": workers.collect::<Value>(),
    })
}

/// Of results that were fetched before the sweep's end.
fn partial(plan: &Plan, facts: &RunFacts, so_far: SoFar) -> Value {
    let done = facts.workers.values().map(|share| share.tiles).fold(0, u64::saturating_add);
    json!({
        "state": so_far.state,
        "tiles_done": done,
        "tiles_pending": so_far.tiles_pending,
        "tiles_total": plan.tiles.len(),
    })
}

fn worker(name: &str, device: &str, share: &WorkerShare) -> Value {
    json!({
        "name": name,
        "device": device,
        "tiles": share.tiles,
        "busy_seconds": share.busy_seconds,
        "multiply_adds": share.work.multiply_adds,
        "libtorch_calls": share.work.libtorch_calls,
        "memory_retries": share.work.memory_retries,
        "streamed_bytes": share.work.streamed_bytes,
        "cache": {
            "hits": share.cache.hits,
            "misses": share.cache.misses,
            "evictions": share.cache.evictions,
            "bytes": share.cache.bytes,
            "budget_bytes": share.cache.budget_bytes,
        },
    })
}

fn tile_failure(plan: &Plan, tile: &Tile, failure: &TileFailure) -> Value {
    let grid = match &tile.work {
        TileWork::Baseline => None,
        TileWork::Patch { grid, .. } | TileWork::Estimate { grid, .. } | TileWork::Activity { grid, .. } => {
            plan.context.grids.get(*grid as usize).map(|grid| &grid.name)
        }
    };
    let work = match &tile.work {
        TileWork::Baseline => "baseline",
        TileWork::Patch { .. } => "patch",
        TileWork::Estimate { .. } => "estimate",
        TileWork::Activity { .. } => "activity",
    };
    let attempt = |attempt: &FailedAttempt| json!({ "attempt": attempt.attempt.0, "worker": attempt.worker, "reason": attempt.reason });
    json!({
        "tile": tile.id.0,
        "work": work,
        "grid": grid,
        "iteration": plan.label_of(tile.iteration),
        "replicate": tile.iteration % plan.context.replicates,
        "cells": tile.cell_count(),
        "prompts": [tile.prompts.start, tile.prompts.end],
        "reason": failure.attempts.last().map(|attempt| &attempt.reason),
        "attempts": failure.attempts.iter().map(attempt).collect::<Value>(),
    })
}
