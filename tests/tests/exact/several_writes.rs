//! Windows, several sites, and what is written as well, against plain forward passes of a transformers model, one for each
//! cell and prompt (`tests/reference/README.md`).

use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Scores, repository, sweep};

/// Float32 in another order of operations, as for the other reference cases.
const TOLERANCE: f32 = 5e-5;

/// Runs a case and compares every tensor of its reference: baselines, effects and values of all grids.
fn agrees(case: &str, tensors: usize) {
    let folder = repository().join("tests/reference/interventions").join(case);
    let mut reference = Scores::open(&folder.join("scores.npz"));
    let names = reference.names();
    assert_eq!(names.len(), tensors, "two of each grid, and two baselines");
    for workers in ["1", "3"] {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let out = temporary.path().join("results");
        sweep::run(&folder.join("spec.toml"), &out, &["--workers", workers, "--check"]);
        let mut ours = Scores::open(&out.join("scores.npz"));
        for name in &names {
            let difference = largest_difference(&ours.tensor(name), &reference.tensor(name));
            assert!(difference <= TOLERANCE, "{case}, {workers} workers: {name} differs by {difference}");
        }
    }
}

#[test]
fn windows_agree_with_plain_passes() {
    agrees("window", 2 * 4 + 2);
}

#[test]
fn several_sites_and_what_is_written_as_well_agree_with_plain_passes() {
    agrees("sites", 2 * 6 + 2);
}
