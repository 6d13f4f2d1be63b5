use patchsweep_core::results::CellStatus;

use super::grid::status;
use super::*;
use crate::fixtures::{example, example_with_failures};

fn difference(first: &SweepResults, second: &SweepResults) -> Difference {
    Difference::between(first, second).expect("consistent")
}

#[test]
fn a_sweep_minus_itself_is_zero_everywhere() {
    let mut sweep = example();
    sweep.grids[0].effect[17] = 0.0;
    sweep.grids[0].status[17] = CellStatus::Computed;
    let difference = difference(&sweep, &sweep);
    assert_eq!(difference.results.grids.len(), sweep.grids.len());
    assert!(difference.results.grids.iter().all(|grid| grid.effect.iter().all(|&effect| effect == 0.0)));
    assert!(difference.remarks.is_empty(), "{:?}", difference.remarks);
}

#[test]
fn standard_errors_of_unrelated_prompts_add_up_as_squares() {
    let (mut a, mut b) = (example(), example());
    (a.grids[0].effect[5], a.grids[0].stderr[5]) = (3.0, 0.3);
    (b.grids[0].effect[5], b.grids[0].stderr[5]) = (1.0, 0.4);
    let difference = difference(&a, &b);
    let grid = &difference.results.grids[0];
    assert!((grid.effect[5] - 2.0).abs() < 1e-6 && (grid.stderr[5] - 0.5).abs() < 1e-6);
    assert_eq!(difference.pairings[0], Pairing::Independent);
}

#[test]
fn the_same_prompts_are_compared_prompt_by_prompt() {
    let (mut a, mut b) = (example(), example());
    for sweep in [&mut a, &mut b] {
        sweep.manifest = r#"{"dataset":{"digest":"ab","prompts":2,"seed":0}}"#.to_owned();
    }
    let places = a.grids[1].effect.len();
    a.grids[1].per_prompt = [10.0, 1.0].repeat(places);
    b.grids[1].per_prompt = [9.0, -2.0].repeat(places);
    a.clean[0].per_prompt = [10.0, 1.0].repeat(3);
    b.clean[0].per_prompt = [9.0, -2.0].repeat(3);
    let paired = difference(&a, &b);
    assert_eq!((paired.pairings[0], paired.pairings[1]), (Pairing::Independent, Pairing::Paired));
    // The differences are 1 and 3: s = sqrt(2), over sqrt(2).
    assert!((paired.results.grids[1].stderr[0] - 1.0).abs() < 1e-6);
    let clean = &paired.results.clean[0];
    assert_eq!((clean.mean[2], clean.of_prompts(2)), (0.0, [1.0, 3.0].as_slice()));
    assert!((clean.stderr[2] - 1.0).abs() < 1e-6);
    let corrupted = &paired.results.corrupted[0];
    assert!(corrupted.per_prompt.is_empty() && (corrupted.stderr[2] - 0.5f32.hypot(0.5)).abs() < 1e-6, "not kept");

    b.manifest = r#"{"dataset":{"digest":"cd","prompts":2,"seed":0}}"#.to_owned();
    let other = difference(&a, &b);
    assert_eq!(other.pairings[1], Pairing::Independent);
    assert!(
        other.results.clean[0].per_prompt.is_empty()
            && (other.results.clean[0].stderr[2] - 0.25f32.hypot(0.25)).abs() < 1e-6
    );
    assert_eq!(other.remarks, ["the dataset differs: ab and cd"]);
}

#[test]
fn what_has_no_counterpart_is_remarked() {
    let (mut a, mut b) = (example(), example());
    a.grids.pop();
    b.iteration_labels[0] = "first".to_owned();
    b.grids[0].indices[0][0] = 9;
    let difference = difference(&a, &b);
    assert_eq!(
        difference.remarks,
        [
            "iteration `Iteration 0` is only in the first sweep",
            "iteration `first` is only in the second sweep",
            "grid `z@prob` is only in the second sweep",
            "grid `resid_pre@logit_diff` has other axes or coordinates in the second sweep",
        ]
    );
    assert_eq!(difference.results.iteration_labels, ["Iteration 1", "Iteration 2"]);
    let z = &difference.results.grids[0];
    assert_eq!((z.grid.as_str(), z.effect.len()), ("z", 2 * 16));
    assert!(z.effect.iter().all(|&effect| effect == 0.0), "iterations are matched by label");
}

#[test]
fn a_cell_that_one_of_both_lacks_has_no_difference() {
    let difference = difference(&example(), &example_with_failures());
    let grid = &difference.results.grids[0];
    assert_eq!(grid.status[3], CellStatus::Failed);
    assert!(grid.effect[3].is_nan());
    assert_eq!(status(CellStatus::NoOp, CellStatus::Computed), CellStatus::Computed);
    assert_eq!(status(CellStatus::NoOp, CellStatus::NoOp), CellStatus::NoOp);
    assert_eq!(difference.results.baselines, [CellStatus::Computed, CellStatus::Failed, CellStatus::Computed]);
}

#[test]
fn a_difference_that_is_no_number_says_so() {
    let (mut a, b) = (example(), example());
    assert_eq!(difference(&a, &b).results.grids[0].status[17], CellStatus::NotFinite, "as in both");
    (a.grids[1].effect[3], a.grids[1].status[3]) = (f32::INFINITY, CellStatus::Computed);
    assert_eq!(difference(&a, &b).results.grids[1].status[3], CellStatus::NotFinite);
}

/// A grid over positions that may be others in each prompt.
fn named(positions: &[&str]) -> SweepResults {
    let mut results = example();
    for grid in results.grids.iter_mut().filter(|grid| grid.grid == "resid_pre") {
        *grid = GridScores { metric: grid.metric, ..crate::fixtures::grid("resid_pre", &["layer", "pos"], &[4, 2]) };
        grid.names = vec![Vec::new(), positions.iter().map(|&name| name.to_owned()).collect()];
    }
    results
}

#[test]
fn cells_at_positions_of_other_names_are_not_subtracted() {
    let subject = named(&["subject", "end"]);
    let mut numbers = subject.clone();
    numbers.grids.iter_mut().for_each(|grid| grid.names.clear());
    for other in [named(&["relation", "end"]), numbers] {
        for (first, second) in [(&subject, &other), (&other, &subject)] {
            let difference = difference(first, second);
            let names: Vec<_> = difference.results.grids.iter().map(|grid| grid.grid.as_str()).collect();
            assert_eq!(names, ["z", "z"]);
            assert_eq!(
                difference.remarks,
                ["logit_diff", "prob"].map(|metric| format!(
                    "grid `resid_pre@{metric}` has other axes or coordinates in the second sweep"
                ))
            );
        }
    }
    let same = difference(&subject, &named(&["subject", "end"]));
    assert!(same.remarks.is_empty(), "{:?}", same.remarks);
    assert_eq!(same.results.grids[0].names, subject.grids[0].names);
}

#[test]
fn cells_that_write_something_else_are_subtracted_and_remarked() {
    let (mut a, mut b) = (example(), example());
    b.grids[1].component = "attn_out-mlp_out".to_owned();
    b.grids[1].writes = "attn_out and mlp_out together".to_owned();
    a.manifest = r#"{"grids":[{"name":"z","value":"other"},{"name":"resid_pre","value":"mean"}]}"#.to_owned();
    b.manifest = r#"{"grids":[{"name":"z","value":"other"},{"name":"resid_pre","value":"zero"}]}"#.to_owned();
    let difference = difference(&a, &b);
    assert_eq!(difference.results.grids.len(), 4);
    assert_eq!(
        difference.remarks,
        [
            "cells of grid `resid_pre@logit_diff` write another value: mean and zero",
            "cells of grid `z@logit_diff` write another component: z and attn_out-mlp_out",
            "cells of grid `z@logit_diff` write otherwise: only their place and \"attn_out and mlp_out together\"",
            "cells of grid `resid_pre@prob` write another value: mean and zero",
        ]
    );
}

#[test]
fn of_the_first_sweep_a_difference_has_the_labels_alone() {
    let mut sweep = example();
    for grid in &mut sweep.grids {
        let tensor = grid.effect.clone();
        (grid.normalized, grid.between, grid.estimate) = (tensor.clone(), tensor.clone(), tensor);
        grid.writes = "in windows of 3 layers".to_owned();
    }
    let difference = difference(&sweep, &sweep);
    for (grid, of) in difference.results.grids.iter().zip(&sweep.grids) {
        assert!(grid.has_cells_of(of) && (&grid.component, &grid.writes) == (&of.component, &of.writes));
        assert!([&grid.normalized, &grid.between, &grid.estimate].into_iter().all(Vec::is_empty));
    }
}
