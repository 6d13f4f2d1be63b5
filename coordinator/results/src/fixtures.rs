//! A small finished sweep for tests, with plausible scores and every peculiarity that files must carry.

use patchsweep_core::results::{Baseline, CellStatus, GridScores, SweepResults};
use serde_json::json;

const ITERATIONS: u16 = 3;

/// Three iterations over a model of 4 layers and 4 heads, two metrics, one cell without a score.
#[must_use]
pub fn example() -> SweepResults {
    let tokens = ["<|endoftext|>", "The", " Chief", " Executive", " Officer", " (", "C", "E"];
    let mut grids: Vec<GridScores> = [0, 1]
        .into_iter()
        .flat_map(|metric| {
            let resid = grid("resid_pre", &["layer", "pos"], &[4, 8]);
            let z = grid("z", &["layer", "head"], &[4, 4]);
            [resid, z].map(|scores| GridScores { metric, ..scores })
        })
        .collect();
    grids[0].effect[17] = f32::NAN;
    grids[0].value[17] = f32::NAN;
    grids[0].stderr[17] = f32::NAN;
    grids[0].count[17] = 0;
    grids[0].status[17] = CellStatus::NotFinite;
    SweepResults {
        name: "acronyms".to_owned(),
        iteration_labels: ["Iteration 0", "Iteration 1", "Iteration 2"].map(str::to_owned).to_vec(),
        token_labels: tokens.map(str::to_owned).to_vec(),
        lines: Vec::new(),
        metrics: vec!["logit_diff".to_owned(), "prob".to_owned()],
        clean: [[3.218, 4.467, 5.024], [0.81, 0.92, 0.97]].map(|means| baseline(means, 0.25)).into(),
        corrupted: [[-2.337, -1.918, -3.406], [0.05, 0.08, 0.02]].map(|means| baseline(means, 0.5)).into(),
        baselines: vec![CellStatus::Computed; 3],
        grids,
        manifest: r#"{"patchsweep":"0.1.0","seeds":{"dataset":0,"corruption":1}}"#.to_owned(),
        replicates: 1,
    }
}

fn baseline(mean: [f32; ITERATIONS as usize], stderr: f32) -> Baseline {
    Baseline { mean: mean.to_vec(), stderr: vec![stderr; mean.len()], per_prompt: Vec::new() }
}

/// The example with cells of `resid_pre` that failed: two of a tile of iteration 0, one for want of a baseline.
#[must_use]
pub fn example_with_failures() -> SweepResults {
    let mut results = example();
    let grid = &mut results.grids[0];
    for place in [3, 4, 32] {
        grid.effect[place] = f32::NAN;
        grid.value[place] = f32::NAN;
        grid.stderr[place] = f32::NAN;
        grid.count[place] = 0;
        grid.status[place] = CellStatus::Failed;
    }
    for run in [&mut results.clean[0], &mut results.corrupted[0]] {
        (run.mean[1], run.stderr[1]) = (f32::NAN, f32::NAN);
    }
    results.baselines[1] = CellStatus::Failed;
    results.manifest = String::from(
        r#"{"run":{"failures":[
        {"grid":"resid_pre","iteration":"Iteration 0","reason":"out of memory"},
        {"grid":"other","iteration":"Iteration 0","reason":"of another grid"},
        {"grid":null,"iteration":"Iteration 1","reason":"no answer"}]}}"#,
    );
    results
}

/// A manifest as a coordinator writes it, as far as readers of results look into it.
#[must_use]
pub fn manifest_of(results: &SweepResults) -> String {
    let grid = |scores: &GridScores| {
        let along = |axis: usize| match scores.names_along(axis) {
            [] => json!(scores.indices[axis]),
            names => json!(names),
        };
        let coordinates: serde_json::Map<_, _> = scores.axes.iter().cloned().zip((0..).map(along)).collect();
        let axes: Vec<&str> = std::iter::once("iteration").chain(scores.axes.iter().map(String::as_str)).collect();
        json!({ "name": scores.grid, "component": scores.component, "writes": scores.writes, "axes": axes, "coordinates": coordinates,
                "cells": 96, "noops": 24, "multiply_adds": 2_000_000_000_u64, "multiply_adds_naive": 80_000_000_000_u64 })
    };
    let metrics: Vec<_> = results.metrics.iter().map(|name| json!({ "name": name, "kind": name })).collect();
    let grids: Vec<_> = results.grids.iter().filter(|scores| scores.metric == 0).map(grid).collect();
    json!({
        "sweep": { "name": results.name },
        "dataset": { "replicates": results.replicates, "lines": results.lines },
        "labels": { "iteration": results.iteration_labels, "token": results.token_labels },
        "metrics": metrics,
        "grids": grids,
        "run": { "seconds": 2.0, "executed_multiply_adds": 4_000_000_000_u64, "workers": [{ "name": "a:1" }] },
    })
    .to_string()
}

/// Scores of a grid: a band of negative effects, a few positive ones, nothing elsewhere.
#[must_use]
pub fn grid(name: &str, axes: &[&str], extents: &[usize]) -> GridScores {
    let cells: usize = extents.iter().product();
    let last = *extents.last().unwrap_or(&1);
    let effect: Vec<f32> = (0..usize::from(ITERATIONS) * cells)
        .map(|place| {
            let (iteration, cell) = (place / cells, place % cells);
            let (layer, column) = (cell * extents.first().unwrap_or(&1) / cells, cell % last);
            match (layer + column * 3 + iteration) % 7 {
                0 => -4.0 + small(layer) * 0.7 - small(iteration) * 0.4,
                1 => -0.35 * small(column),
                2 => 0.2 + 0.45 * small(layer),
                3 => 0.013,
                _ => 0.0,
            }
        })
        .collect();
    GridScores {
        metric: 0,
        grid: name.to_owned(),
        component: name.to_owned(),
        writes: String::new(),
        axes: axes.iter().map(|&axis| axis.to_owned()).collect(),
        indices: extents.iter().map(|&extent| (0..).take(extent).collect()).collect(),
        names: Vec::new(),
        normalized: Vec::new(),
        value: effect.iter().map(|effect| 3.218 + effect).collect(),
        stderr: effect.iter().map(|effect| effect.abs() * 0.04).collect(),
        count: vec![250; effect.len()],
        status: vec![CellStatus::Computed; effect.len()],
        per_prompt: Vec::new(),
        between: Vec::new(),
        estimate: Vec::new(),
        effect,
    }
}

fn small(index: usize) -> f32 {
    f32::from(u8::try_from(index).unwrap_or(u8::MAX))
}
