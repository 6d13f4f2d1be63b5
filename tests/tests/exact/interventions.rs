//! Kinds of patches and metrics against plain forward passes of a transformers model, one whole pass for each cell and prompt
//! (`tests/reference/interventions`).

use std::fs;

use ndarray::Axis;
use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Scores, Sweep, repository, sweep};
use serde_json::Value;

use super::reference::TOLERANCE;

/// Runs a case with one and with three workers, each checked, and compares every tensor of its reference, which has the names of
/// docs/results.md.
fn agrees(case: &str, tensors: usize) {
    let (names, ours) = runs(case, &["--check"], TOLERANCE);
    assert_eq!(names, tensors);
    for manifest in ours {
        assert_eq!(manifest["check"]["agreed"], true, "{}", manifest["check"]);
    }
}

/// Runs a case with one and with three workers and compares every tensor of its reference; says how many there are, and what
/// the manifests are.
fn runs(case: &str, args: &[&str], tolerance: f32) -> (usize, Vec<Value>) {
    let folder = repository().join("tests/reference/interventions").join(case);
    let mut theirs = Scores::open(&folder.join("scores.npz"));
    let names = theirs.names();
    let mut manifests = Vec::new();
    for workers in ["1", "3"] {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let out = temporary.path().join("results");
        sweep::run(&folder.join("spec.toml"), &out, &[&["--workers", workers], args].concat());
        let mut ours = Scores::open(&out.join("scores.npz"));
        for name in &names {
            let difference = largest_difference(&ours.tensor(name), &theirs.tensor(name));
            assert!(difference <= tolerance, "{case}, {workers} workers: {name} differs by {difference}");
        }
        let manifest = fs::read(out.join("manifest.json")).expect("a manifest");
        manifests.push(serde_json::from_slice(&manifest).expect("JSON"));
    }
    (names.len(), manifests)
}

#[test]
fn neurons_agree_with_plain_passes() {
    agrees("neurons", 2 * 6 + 2);
}

#[test]
fn windows_agree_with_plain_passes() {
    agrees("window", 2 * 4 + 2);
}

#[test]
fn several_sites_and_what_is_written_as_well_agree_with_plain_passes() {
    agrees("sites", 2 * 6 + 2);
}

/// By edge, by head, in windows, of several sources at once, and beside zeroed rows; rows that would have nothing left stay.
#[test]
fn attention_knockout_agrees_with_masked_scores_of_plain_passes() {
    agrees("knockout", 2 * 5 + 2);
}

#[test]
fn features_agree_with_plain_passes() {
    agrees("features", 2 * 5 + 2);
}

#[test]
fn paths_agree_with_plain_passes() {
    agrees("paths", 2 * 14 + 2);
}

#[test]
fn paths_with_frozen_norms_agree_with_plain_passes() {
    agrees("frozen_norms", 2 * 9 + 2);
}

/// Prompts of three lengths and named positions; baselines, values and effects of two metrics in seven grids.
#[test]
fn prompts_of_different_lengths_agree_with_plain_passes() {
    agrees("ragged", 2 * (2 + 2 * 7));
}

/// Effects on a prompt are the same whether it is alone or among others, of its length or not; they stand in the dataset's order.
#[test]
fn a_prompt_scores_alone_as_among_others() {
    let folder = repository().join("tests/reference/interventions/ragged");
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a file of the case");
    let (dataset, spec) =
        (read("data.csv"), read("spec.toml").replacen("schema = 1", "schema = 1\nper_prompt = true", 1));
    let scores =
        |dataset: &str| Sweep::new(&folder.join("model"), &spec, "data.csv", dataset).scores(&["--workers", "1"]);
    let mut together = scores(&dataset);
    let names: Vec<String> = together.names().into_iter().filter(|name| name.ends_with(".prompts")).collect();
    assert_eq!(names.len(), 2 * (7 + 2), "of grids and baselines: {names:?}");
    let values = together.names().into_iter().filter(|name| name.rsplit('.').next() == Some("value"));
    let largest =
        values.flat_map(|name| together.tensor(&name)).fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let (header, lines) = dataset.split_once('\n').expect("a header");
    for (prompt, line) in lines.lines().enumerate() {
        let mut alone = scores(&format!("{header}\n{line}\n"));
        for name in &names {
            let among = together.tensor(name);
            let last = Axis(among.ndim() - 1);
            let [among, alone] =
                [(among, prompt), (alone.tensor(name), 0)].map(|(all, prompt)| all.index_axis_move(last, prompt));
            let difference = largest_difference(&among, &alone);
            // Products have other numbers of rows alone. What they round is relative to the logits, which are above 1 here.
            let bound = 1e-6 * largest.max(1.0);
            assert!(difference <= bound, "prompt {prompt}: {name} differs by {difference}, more than {bound}");
        }
    }
}

/// Baselines, values and effects of five metrics in two grids.
#[test]
fn sets_of_tokens_agree_with_plain_passes() {
    agrees("metric_sets", 5 * (2 + 2 * 2));
}

/// Estimates of two metrics in four grids; gradients add up more rounding than runs do.
#[test]
fn estimates_agree_with_gradients_of_plain_passes() {
    let (tensors, manifests) = runs("estimate", &["--check"], 1e-4);
    assert_eq!(tensors, 2 * (2 + 4));
    // No effect was computed; that there is none is checked, and estimates are.
    for manifest in manifests {
        let check = &manifest["check"];
        assert_eq!(check["agreed"], true, "{check}");
        for row in check["grids"].as_array().expect("rows") {
            let is_estimate = row["grid"].as_str().expect("a name").ends_with(".estimate");
            assert_eq!(row["cells"].as_u64() > Some(0), is_estimate, "{check}");
        }
        assert!(check["noops"].as_u64() > Some(0), "{check}");
    }
}
