//! Scores against `TransformerLens`' own, made by `tests/reference/make_cases.py`.

use std::path::Path;

use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Scores, repository, sweep};

/// Float32 in another order of operations; `TransformerLens` itself is this far from float64 (tests/reference/README.md).
pub(crate) const TOLERANCE: f32 = 5e-5;

/// Runs a case and compares every grid of its spec, and the baselines.
fn agrees(case: &str, workers: &str) {
    let folder = repository().join("tests/reference").join(case);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let out = temporary.path().join("results");
    sweep::run(&folder.join("spec.toml"), &out, &["--workers", workers]);
    let compared = compare(&out.join("scores.npz"), &folder.join("scores.npz"));
    assert_eq!(compared, 17, "fifteen grids and two baselines");
}

fn compare(ours: &Path, theirs: &Path) -> usize {
    let (mut ours, mut theirs) = (Scores::open(ours), Scores::open(theirs));
    let available = ours.names();
    let clean = theirs.tensor("clean_metric");
    let mut compared = 0;
    for name in theirs.names() {
        let reference = theirs.tensor(&name);
        let value = match name.as_str() {
            "clean_metric" => "clean".to_owned(),
            "corrupted_metric" => "corrupted".to_owned(),
            grid => format!("{grid}.value"),
        };
        if !available.contains(&value) {
            continue;
        }
        let difference = largest_difference(&ours.tensor(&value), &reference);
        assert!(difference <= TOLERANCE, "{name} differs by {difference}");
        if available.contains(&name) {
            let shape: Vec<usize> = [reference.shape()[0]].into_iter().chain(vec![1; reference.ndim() - 1]).collect();
            let effect = &reference - &clean.to_shape(shape).expect("one per iteration");
            let difference = largest_difference(&ours.tensor(&name), &effect);
            assert!(difference <= 2.0 * TOLERANCE, "effect of {name} differs by {difference}");
        }
        compared += 1;
    }
    compared
}

#[test]
fn tiny_with_one_two_and_three_workers() {
    for workers in ["1", "2", "3"] {
        agrees("tiny", workers);
    }
}

#[test]
fn one_prompt() {
    agrees("one-prompt", "1");
}

#[test]
fn inner_width_epsilon_and_exact_gelu() {
    agrees("wide-mlp", "2");
}

#[test]
fn corruption_at_the_first_and_at_the_last_position() {
    agrees("edges", "2");
}

#[test]
fn corruption_at_scattered_positions_and_after_the_read_position() {
    agrees("scattered", "2");
}

#[test]
fn separate_unembedding_in_shards() {
    agrees("untied", "2");
}

#[test]
fn float16_weights_and_relu() {
    agrees("relu-half", "2");
}
