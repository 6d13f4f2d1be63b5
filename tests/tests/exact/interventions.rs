//! Kinds of patches against plain forward passes of a transformers model, one whole pass for each cell
//! (tests/reference/interventions).

use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Scores, repository, sweep};

/// Float32 in another order of operations.
const TOLERANCE: f32 = 5e-5;

/// Runs a case and compares every tensor of its reference, which has the names of docs/results.md.
fn agrees(case: &str, workers: &str, tensors: usize) {
    let folder = repository().join("tests/reference/interventions").join(case);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let out = temporary.path().join("results");
    sweep::run(&folder.join("spec.toml"), &out, &["--workers", workers]);
    let (mut ours, mut theirs) = (Scores::open(&out.join("scores.npz")), Scores::open(&folder.join("scores.npz")));
    let names = theirs.names();
    assert_eq!(names.len(), tensors, "{names:?}");
    for name in names {
        let difference = largest_difference(&ours.tensor(&name), &theirs.tensor(&name));
        assert!(difference <= TOLERANCE, "{case}: {name} differs by {difference}");
    }
}

#[test]
fn neurons_with_one_and_three_workers() {
    for workers in ["1", "3"] {
        agrees("neurons", workers, 14);
    }
}
