use std::collections::HashMap;

use patchsweep_core::results::CellStatus;
use serde_json::json;

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
        sweep.manifest = r#"{"dataset":{"digest":"ab","prompts":2,"prompts_digest":"01"}}"#.to_owned();
    }
    let places = a.grids[1].effect.len();
    a.grids[1].per_prompt = [10.0, 1.0].repeat(places);
    b.grids[1].per_prompt = [9.0, -2.0].repeat(places);
    let paired = difference(&a, &b);
    assert_eq!((paired.pairings[0], paired.pairings[1]), (Pairing::Independent, Pairing::Paired));
    // The differences are 1 and 3: s = sqrt(2), over sqrt(2).
    assert!((paired.results.grids[1].stderr[0] - 1.0).abs() < 1e-6);

    b.manifest = r#"{"dataset":{"digest":"ab","prompts":2,"prompts_digest":"02"}}"#.to_owned();
    let other = difference(&a, &b);
    assert_eq!(other.pairings[1], Pairing::Independent, "other lines of one file, or another order");
    assert_eq!(other.remarks, ["which prompts there are, or their order, differs: 01 and 02"]);
    b.manifest = r#"{"dataset":{"digest":"cd","prompts":2,"prompts_digest":"01"}}"#.to_owned();
    let beside = difference(&a, &b);
    assert_eq!(beside.pairings[1], Pairing::Paired, "the same prompts beside another column");
    assert_eq!(beside.remarks, ["the dataset differs: ab and cd"]);
    for sweep in [&mut a, &mut b] {
        sweep.manifest = r#"{"dataset":{"digest":"ab","prompts":2}}"#.to_owned();
    }
    assert_eq!(difference(&a, &b).pairings[1], Pairing::Independent, "nobody knows");
}

#[test]
fn iterations_of_one_label_are_not_told_apart_and_left_out() {
    let (mut a, b) = (example(), example());
    a.iteration_labels[2] = a.iteration_labels[0].clone();
    for (first, second) in [(&a, &b), (&b, &a)] {
        let difference = difference(first, second);
        assert_eq!(difference.results.iteration_labels, ["Iteration 1"]);
        let left_out = "iteration `Iteration 0` is left out: there are several of that name";
        assert_eq!(difference.remarks[0], left_out);
        assert!(
            difference.remarks[1].starts_with("iteration `Iteration 2` is only in the "),
            "{:?}",
            difference.remarks
        );
    }
}

/// The remarks on two sweeps whose manifests differ in one place.
fn remarks(pointer: &str, [first, second]: [serde_json::Value; 2]) -> Vec<String> {
    let manifest = json!({
        "dataset": { "prompts_digest": "01", "replicates": 1 },
        "iterations": [{ "label": "Iteration 1", "reads": [3], "corrupted_positions": [2],
            "noise": { "positions": [2], "scale": 3.0, "seed": 1 },
            "answers": { "right": { "tokens": [{ "id": 6, "text": " x" }], "count": 1 } } }],
        "metrics": [{ "name": "prob", "kind": "prob", "candidate_ids": [],
            "sets": { "of": "prob", "right": { "reduce": "sum", "sets": 1, "first_prompt": { "tokens": [{ "id": 6, "text": null }], "count": 1 } } } }],
        "dictionaries": [{ "name": "d", "digest": "ab" }],
        "grids": [{ "name": "z", "value": "mean", "dictionary": "d", "patched_at_once": { "pos": [1] }, "also": [{ "positions": [1] }] }],
    });
    let sweeps = [first, second].map(|value| {
        let mut manifest = manifest.clone();
        *manifest.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        SweepResults { manifest: manifest.to_string(), ..example() }
    });
    let mut remarks = difference(&sweeps[0], &sweeps[1]).remarks;
    // Of a grid once for each metric.
    remarks.dedup_by(|later, one| later.replace("@prob", "@logit_diff") == *one);
    remarks
}

#[test]
fn what_the_same_names_stand_for_is_compared() {
    let of_iteration = |words: &str| format!("iteration `Iteration 1` {words}");
    let of_metric = |words: &str| format!("metric `prob` is not the same: its {words}");
    let of_grid = |words: &str| format!("cells of grid `z@logit_diff` write {words}");
    for (pointer, values, remark) in [
        ("/dataset/replicates", [json!(1), json!(4)], "the number of replicates differs: 1 and 4".to_owned()),
        ("/iterations/0/reads", [json!([3]), json!([2])], of_iteration("reads other positions: [3] and [2]")),
        (
            "/iterations/0/corrupted_positions",
            [json!([2]), json!(null)],
            of_iteration("corrupts other positions: [2] and none"),
        ),
        (
            "/iterations/0/noise/positions",
            [json!([1]), json!([2])],
            of_iteration("has noise at other positions: [1] and [2]"),
        ),
        ("/iterations/0/noise/scale", [json!(1.5), json!(3.0)], of_iteration("has other noise: 1.5 and 3.0")),
        (
            "/iterations/0/answers/right/tokens/0/text",
            [json!(" x"), json!(" y")],
            of_iteration("has other right answers: ` x` and ` y`"),
        ),
        ("/metrics/0/kind", [json!("prob"), json!("logprob")], of_metric("kind is prob and logprob")),
        ("/metrics/0/candidate_ids", [json!([1, 2]), json!([1])], of_metric("list of candidates is [1,2] and [1]")),
        (
            "/metrics/0/sets/right/reduce",
            [json!("sum"), json!("max")],
            of_metric("`reduce` of its right tokens is sum and max"),
        ),
        ("/metrics/0/sets/right/first_prompt/tokens/0/id", [json!(6), json!(7)], of_metric("right tokens are 6 and 7")),
        ("/grids/0/value", [json!("mean"), json!("zero")], of_grid("another value: mean and zero")),
        (
            "/grids/0/patched_at_once/pos",
            [json!([1]), json!([2])],
            of_grid("at other places at once: {\"pos\":[1]} and {\"pos\":[2]}"),
        ),
        ("/dictionaries/0/digest", [json!("ab"), json!("cd")], of_grid("features of another dictionary: ab and cd")),
        (
            "/grids/0/also/0/positions",
            [json!([1]), json!([2])],
            "what cells of grid `z@logit_diff` write as well, or where their paths end, has other positions".to_owned(),
        ),
    ] {
        assert_eq!(remarks(pointer, values), [remark], "{pointer}");
    }
    assert_eq!(remarks("/grids/0/value", [json!("mean"), json!("mean")]), [""; 0]);
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

#[test]
fn differences_are_a_table_that_says_how_their_errors_were_made() {
    let (mut a, mut b) = (example(), example());
    for sweep in [&mut a, &mut b] {
        sweep.manifest = r#"{"dataset":{"prompts_digest":"01"}}"#.to_owned();
    }
    let places = a.grids[1].effect.len();
    a.grids[1].per_prompt = [10.0, 1.0].repeat(places);
    b.grids[1].per_prompt = [9.0, -2.0].repeat(places);
    b.grids[1].effect[3] = a.grids[1].effect[3] - 0.5;
    let difference = difference(&a, &b);
    let mut table = Vec::new();
    Compared::of(&difference).expect("consistent").write_csv(&mut table).expect("memory");
    let mut table = ::csv::Reader::from_reader(table.as_slice());
    let lines: Vec<HashMap<String, String>> = table.deserialize().collect::<Result<_, _>>().expect("a table");
    assert_eq!(lines.len(), 2 * 3 * (4 * 8 + 4 * 4));
    let z = &lines[3 * 4 * 8 + 3];
    let columns = ["grid", "metric", "layer", "head", "effect", "stderr", "pairing", "normalized"]
        .map(|column| z[column].as_str());
    assert_eq!(columns, ["z", "logit_diff", "0", "3", "0.5", "1.0", "paired", ""]);
    assert!(z["p_value"].parse::<f32>().is_ok() && z["low"].parse::<f32>().is_ok());
    assert_eq!(lines[0]["pairing"], "independent");
}
