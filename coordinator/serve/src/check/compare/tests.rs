use std::convert::Infallible;
use std::sync::Arc;

use patchsweep_core::metric::MetricKind;
use patchsweep_core::model::Dtype;
use patchsweep_core::moments::Moments;
use patchsweep_core::results::CellStatus;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_plan::fixtures;

use super::*;
use crate::merge::{TileOutcome, merge};

/// A sweep of several tiles over one range of prompts, and a check of some of its cells.
fn plans() -> (Plan, Plan) {
    let plan = fixtures::plan(PlanOptions { tile_multiply_adds: Some(3000), tile_prompts: None, for_gpus: false });
    let check = plan.check(CheckOf { sweep: sweep(), cells: 6, seed: 1 });
    (plan, check)
}

fn sweep() -> SweepId {
    SweepId("merge-1".into())
}

/// Right scores are a function of iteration and cell; no-ops have the unpatched run's.
fn right(plan: &Plan, iteration: u32, cell: u32) -> f64 {
    let is_live = plan.tiles.iter().any(|tile| {
        matches!(&tile.work, TileWork::Patch { cells, .. } if tile.iteration == iteration
            && cells.iter().any(|range| range.contains(&cell)))
    });
    if is_live { f64::from(iteration) + f64::from(cell) / 8.0 } else { 0.0 }
}

fn scored(plan: &Plan, effect: impl Fn(u32, u32) -> f64) -> Merged {
    scored_from(3.0, plan, effect)
}

/// `clean`: the metric of the run that is patched.
fn scored_from(clean: f64, plan: &Plan, effect: impl Fn(u32, u32) -> f64) -> Merged {
    let score = |count: u64, effect: f64| CellScore {
        value: Moments { count, mean: clean + effect, m2: 0.0 },
        effect: Moments { count, mean: effect, m2: 0.0 },
    };
    let tiles = plan.tiles.iter().map(|tile| {
        let count = tile.prompts.len() as u64;
        let scores = match &tile.work {
            TileWork::Baseline => vec![score(count, 0.0), score(count, 1.0)],
            TileWork::Patch { cells, .. } | TileWork::Estimate { cells, .. } | TileWork::Activity { cells, .. } => {
                cells.iter().cloned().flatten().map(|cell| score(count, effect(tile.iteration, cell))).collect()
            }
        };
        Ok::<_, Infallible>((
            tile.id,
            TileOutcome::Scores(TileScores { metrics: 1, scores, prompt_effects: Vec::new() }),
        ))
    });
    merge(plan, tiles).expect("all tiles")
}

fn workers(plan: &Plan, name: impl Fn(TileId) -> &'static str) -> TileWorkers {
    let mut workers = TileWorkers::default();
    for tile in &plan.tiles {
        workers.add(tile.id, name(tile.id));
    }
    workers
}

fn report(effect: impl Fn(u32, u32) -> f64, checkers: impl Fn(TileId) -> &'static str) -> CheckReport {
    let (plan, check) = plans();
    let (theirs, ours) = (scored(&plan, |iteration, cell| right(&plan, iteration, cell)), scored(&check, effect));
    let (theirs_by, ours_by) = (workers(&plan, |_| "one"), workers(&check, checkers));
    let (id, check_id) = (sweep(), SweepId("check-1".into()));
    compare(
        Side { sweep: &id, plan: &plan, merged: &theirs, workers: &theirs_by },
        Side { sweep: &check_id, plan: &check, merged: &ours, workers: &ours_by },
    )
}

/// A cell that was drawn and is live, or not.
fn cell(is_live: bool) -> (u32, u32) {
    let (plan, check) = plans();
    let cells = |tile: &Tile| match &tile.work {
        TileWork::Patch { cells, .. } => cells.iter().cloned().flatten().map(|cell| (tile.iteration, cell)).collect(),
        TileWork::Baseline | TileWork::Estimate { .. } | TileWork::Activity { .. } => Vec::new(),
    };
    let mut all = check.tiles.iter().flat_map(cells);
    all.rfind(|&(iteration, cell)| (right(&plan, iteration, cell) > 0.0) == is_live).expect("there is one")
}

#[test]
fn equal_scores_agree_and_everything_is_counted() {
    let (plan, _) = plans();
    let report = report(|iteration, cell| right(&plan, iteration, cell), |_| "two");
    assert!(report.agreed && report.cells >= 6 && report.noops >= 2, "{report:?}");
    assert_eq!((report.by_another_worker, report.without_score), (report.cells, 0));
    assert_eq!((report.computed_by, report.checked_by), (vec!["one".to_owned()], vec!["two".to_owned()]));
    assert_eq!((report.grids[0].cells, report.grids[0].noops), (report.cells, report.noops));
}

#[test]
fn one_wrong_cell_is_found_and_named() {
    let (plan, _) = plans();
    let wrong = cell(true);
    let effect = |iteration, cell| right(&plan, iteration, cell) + if (iteration, cell) == wrong { 1e-3 } else { 0.0 };
    let report = report(effect, |_| "two");
    assert!(!report.agreed && !report.grids[0].agreed);
    let worst = report.worst.expect("a worst cell");
    assert_eq!(worst.iteration, plan.iteration_labels[wrong.0 as usize]);
    let grid = &plan.context.grids[0];
    let layer = grid.cell(wrong.1).layer();
    assert!(worst.cell.starts_with(&format!("layer {layer}")), "{worst:?}");
    let (computed, checked) = (worst.computed.expect("a number"), worst.checked.expect("a number"));
    assert!((checked - computed - 1e-3).abs() < 1e-6, "{worst:?}");
    assert_eq!((worst.computed_by, worst.checked_by), (vec!["one".to_owned()], vec!["two".to_owned()]));
}

#[test]
fn an_effect_of_a_probability_that_has_the_wrong_sign_is_found_in_every_dtype() {
    let wrong = cell(true);
    let (original, _) = plans();
    let with_sign = |plan: &Plan, sign: f64| {
        scored_from(0.5, plan, |iteration, cell| {
            if (iteration, cell) == wrong { sign * 0.2 } else { right(&original, iteration, cell).min(0.1) }
        })
    };
    let dtypes = [(Dtype::Float32, false), (Dtype::Float32, true), (Dtype::Float16, false), (Dtype::Bfloat16, false)];
    for (dtype, tf32) in dtypes {
        let of_probability = |mut plan: Plan| {
            let context = Arc::make_mut(&mut plan.context);
            (context.dtype, context.tf32, context.metrics[0].kind) = (dtype, tf32, MetricKind::Prob);
            plan
        };
        let (plan, check) = plans();
        let (plan, check) = (of_probability(plan), of_probability(check));
        let (id, check_id, by) = (sweep(), SweepId("check-1".into()), workers(&plan, |_| "one"));
        let report = |sign: f64| {
            compare(
                Side { sweep: &id, plan: &plan, merged: &with_sign(&plan, sign), workers: &by },
                Side { sweep: &check_id, plan: &check, merged: &with_sign(&check, -1.0), workers: &by },
            )
        };
        assert!(report(-1.0).agreed, "{dtype:?}");
        let found = report(1.0);
        assert!(!found.agreed && found.tolerance <= 0.35, "{dtype:?}: {found:?}");
    }
}

#[test]
fn a_noop_that_has_an_effect_is_found() {
    let (plan, _) = plans();
    let wrong = cell(false);
    let effect = |iteration, cell| right(&plan, iteration, cell) + if (iteration, cell) == wrong { 0.5 } else { 0.0 };
    let report = report(effect, |_| "two");
    let worst = report.worst.expect("a worst cell");
    assert!(!report.agreed && worst.computed_by.is_empty() && worst.mean == "effect", "{worst:?}");
}

#[test]
fn a_number_against_none_is_a_difference_without_a_size() {
    let (plan, _) = plans();
    let wrong = cell(true);
    let effect = |iteration, cell| if (iteration, cell) == wrong { f64::NAN } else { right(&plan, iteration, cell) };
    let report = report(effect, |_| "two");
    assert!(!report.agreed && report.largest_difference.is_none());
    let json = serde_json::to_string(&report).expect("JSON");
    assert_eq!(serde_json::from_str::<CheckReport>(&json).expect("the same"), report);
}

#[test]
fn numbers_that_are_none_on_both_sides_agree_on_nothing() {
    let (plan, check) = plans();
    let odd = cell(true);
    let effect = |none: f64| {
        let plan = plan.clone();
        move |iteration, cell| if (iteration, cell) == odd { none } else { right(&plan, iteration, cell) }
    };
    let (theirs, ours) = (scored(&plan, effect(f64::NAN)), scored(&check, effect(f64::INFINITY)));
    let (id, check_id, by) = (sweep(), SweepId("check-1".into()), workers(&plan, |_| "one"));
    let report = compare(
        Side { sweep: &id, plan: &plan, merged: &theirs, workers: &by },
        Side { sweep: &check_id, plan: &check, merged: &ours, workers: &workers(&check, |_| "two") },
    );
    let whole = self::report(|iteration, cell| right(&plan, iteration, cell), |_| "two");
    assert!(report.agreed, "{report:?}");
    assert_eq!((report.cells, report.not_finite, whole.not_finite), (whole.cells - 1, 1, 0));
}

#[test]
fn cells_that_the_same_worker_checked_are_reported() {
    let (plan, _) = plans();
    let report = report(|iteration, cell| right(&plan, iteration, cell), |_| "one");
    assert!(report.agreed && report.by_another_worker == 0);
}

#[test]
fn cells_that_were_not_drawn_say_so() {
    let (plan, check) = plans();
    let mut merged = scored(&check, |iteration, cell| right(&plan, iteration, cell));
    mark_what_was_not_drawn(&check, &mut merged);
    assert!(merged.baselines.iter().all(|&status| status == CellStatus::NotDrawn));
    let count = |wanted: CellStatus| merged.grids[0].status.iter().filter(|&&status| status == wanted).count();
    let cells = check.summarize()[0].cells;
    assert_eq!(count(CellStatus::Computed) as u64, cells);
    assert_eq!(count(CellStatus::NotDrawn) as u64, 24 - cells);
}

#[test]
fn what_is_no_number_does_not_raise_what_estimates_may_differ_by() {
    let wanted = 2.0_f64.to_bits();
    assert_eq!(strongest(&[1.0, f32::INFINITY, -2.0, f32::NAN, f32::NEG_INFINITY]).to_bits(), wanted);
    assert_eq!(strongest(&[f32::NAN]).to_bits(), 0.0_f64.to_bits());
}
