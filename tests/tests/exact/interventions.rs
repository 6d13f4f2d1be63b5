//! Kinds of patches and metrics against plain forward passes of a transformers model, one whole pass for each cell and prompt
//! (`tests/reference/interventions`).

use std::fs;

use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Scores, repository, sweep};
use serde_json::Value;

use super::reference::TOLERANCE;

/// Runs a case with one and with three workers, each checked, and compares every tensor of its reference, which has the names of
/// docs/results.md.
fn agrees(case: &str, tensors: usize) {
    let folder = repository().join("tests/reference/interventions").join(case);
    let mut theirs = Scores::open(&folder.join("scores.npz"));
    let names = theirs.names();
    assert_eq!(names.len(), tensors, "{names:?}");
    for workers in ["1", "3"] {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let out = temporary.path().join("results");
        sweep::run(&folder.join("spec.toml"), &out, &["--workers", workers, "--check"]);
        let mut ours = Scores::open(&out.join("scores.npz"));
        for name in &names {
            let difference = largest_difference(&ours.tensor(name), &theirs.tensor(name));
            assert!(difference <= TOLERANCE, "{case}, {workers} workers: {name} differs by {difference}");
        }
        let manifest = fs::read(out.join("manifest.json")).expect("a manifest");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        assert_eq!(manifest["check"]["agreed"], true, "{}", manifest["check"]);
    }
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

/// Prompts of three lengths and named positions; baselines, values and effects of two metrics in seven grids.
#[test]
fn prompts_of_different_lengths_agree_with_plain_passes() {
    agrees("ragged", 2 * (2 + 2 * 7));
}

/// Baselines, values and effects of five metrics in two grids.
#[test]
fn sets_of_tokens_agree_with_plain_passes() {
    agrees("metric_sets", 5 * (2 + 2 * 2));
}
