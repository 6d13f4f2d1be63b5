//! A corruption that is drawn several times, against as many sweeps with those seeds; and effects on each prompt.

use std::fs;
use std::path::Path;

use ndarray::{ArrayD, Axis, Zip, stack};
use patchsweep_core::results::CellStatus;
use patchsweep_tests::{Scores, Sweep, repository, spec};
use serde_json::{Value, json};

/// What another cut into tiles, and float32 sums, may change.
const TOLERANCE: f32 = 2e-5;

fn permute() -> Value {
    json!({ "kind": "permute", "groups": [[0, 6], [6, 8]] })
}

fn noise() -> Value {
    json!({ "kind": "noise", "scale": 2.0 })
}

/// A corruption that begins with a seed and is drawn so many times.
fn drawn(mut corruption: Value, seed: u32, replicates: u32) -> Value {
    corruption["seed"] = seed.into();
    corruption["replicates"] = replicates.into();
    corruption
}

/// Two iterations over twenty prompts of the embedded model.
fn sweep(corruption: Value, per_prompt: bool) -> Sweep {
    let spec = spec("replicates")
        .with("per_prompt", per_prompt)
        .prompts("prompts.txt", 20)
        .corruption(corruption)
        .metric_of(json!({ "kind": "logit_diff_max", "candidates": "A-Z", "normalize": true }))
        .metric("prob")
        .iteration(json!({ "corrupt": [2], "read": 5, "answer": 0 }))
        .iteration(json!({ "corrupt": [3, 4], "read": 6, "answer": 1 }))
        .grid("resid_pre", &["layer", "pos"])
        .grid("z", &["layer", "head"]);
    let prompts = fs::read_to_string(repository().join("data/acronyms.txt")).expect("the example's prompts");
    Sweep::new(&repository().join("data/acronym-gpt2"), &spec.to_string(), "prompts.txt", &prompts)
}

fn open(folder: &Path) -> Scores {
    Scores::open(&folder.join("scores.npz"))
}

fn assert_close(found: &ArrayD<f32>, wanted: &ArrayD<f32>, what: &str) {
    assert_eq!(found.shape(), wanted.shape(), "{what}");
    Zip::from(found).and(wanted).for_each(|found, wanted| {
        let bound = TOLERANCE * wanted.abs().max(1.0);
        assert!((found - wanted).abs() <= bound, "{what}: {found}, not {wanted}");
    });
}

/// The same tensor of several sweeps, with a first axis of sweeps.
fn stacked(sweeps: &mut [Scores], name: &str) -> ArrayD<f32> {
    let tensors: Vec<ArrayD<f32>> = sweeps.iter_mut().map(|sweep| sweep.tensor(name)).collect();
    stack(Axis(0), &tensors.iter().map(|tensor| tensor.view()).collect::<Vec<_>>()).expect("one shape")
}

#[test]
fn replicates_are_the_mean_and_the_spread_of_sweeps_with_seeds_that_count_up() {
    for kind in [permute(), noise()] {
        let seeded = |seed: u32, replicates: u32| sweep(drawn(kind.clone(), seed, replicates), true);
        let mut together = open(&seeded(4, 3).run(&["--workers", "2"]));
        let mut apart: Vec<Scores> = (4..7).map(|seed| open(&seeded(seed, 1).run(&[]))).collect();
        let alone = open(&seeded(4, 1).run(&["--tile-prompts", "7"])).tensor("z.prompts");
        assert_close(&alone, &apart[0].tensor("z.prompts"), "another cut");

        let clean = together.tensor("clean");
        assert_eq!(clean.shape(), [2]);
        assert_close(&clean, &apart[0].tensor("clean"), "the clean run is the same in all");
        let corrupted = stacked(&mut apart, "corrupted");
        assert!(corrupted.std_axis(Axis(0), 1.0).iter().all(|&spread| spread > 1e-4), "the seeds differ");
        assert_close(&together.tensor("corrupted"), &corrupted.mean_axis(Axis(0)).expect("three"), "corrupted");
        for run in ["clean", "corrupted", "clean@prob", "corrupted@prob"] {
            let metrics = stacked(&mut apart, &format!("{run}.prompts")).mean_axis(Axis(0)).expect("three");
            assert_close(&together.tensor(&format!("{run}.prompts")), &metrics, "metrics on prompts");
            assert_close(&together.tensor(run), &metrics.mean_axis(Axis(1)).expect("twenty"), "their mean");
            let standard_error = metrics.std_axis(Axis(1), 1.0) / 20f32.sqrt();
            assert_close(&together.tensor(&format!("{run}.stderr")), &standard_error, "standard error");
        }
        for grid in ["resid_pre", "z", "resid_pre@prob", "z@prob"] {
            let effects = stacked(&mut apart, grid);
            let mean = effects.mean_axis(Axis(0)).expect("three");
            assert_close(&together.tensor(grid), &mean, grid);
            assert_close(&together.tensor(&format!("{grid}.between")), &effects.std_axis(Axis(0), 1.0), "between");
            let values = stacked(&mut apart, &format!("{grid}.value")).mean_axis(Axis(0)).expect("three");
            assert_close(&together.tensor(&format!("{grid}.value")), &values, "value");

            let prompts = stacked(&mut apart, &format!("{grid}.prompts")).mean_axis(Axis(0)).expect("three");
            let kept = together.tensor(&format!("{grid}.prompts"));
            assert_eq!(kept.shape().last(), Some(&20));
            assert_close(&kept, &prompts, "effects on prompts");
            let last = Axis(prompts.ndim() - 1);
            assert_close(&together.tensor(grid), &prompts.mean_axis(last).expect("twenty"), "their mean");
            let standard_error = prompts.std_axis(last, 1.0) / 20f32.sqrt();
            assert_close(&together.tensor(&format!("{grid}.stderr")), &standard_error, "standard error");

            let statuses: Vec<_> = apart.iter_mut().map(|one| one.statuses(&format!("{grid}.status"))).collect();
            let found = together.statuses(&format!("{grid}.status"));
            assert!(
                found.iter().any(|&status| status == CellStatus::NoOp) || !grid.starts_with("resid"),
                "there are no-ops"
            );
            for (place, &status) in found.iter().enumerate() {
                let in_all = statuses.iter().all(|one| one.iter().nth(place) == Some(&CellStatus::NoOp));
                assert_eq!(status, if in_all { CellStatus::NoOp } else { CellStatus::Computed });
                if in_all {
                    assert_eq!(together.tensor(grid).iter().nth(place).map(|effect| effect.to_bits()), Some(0));
                }
            }
        }
    }
}

#[test]
fn without_effects_on_prompts_the_standard_error_is_that_of_the_replicates_and_never_less_than_the_exact_one() {
    let corruption = drawn(permute(), 4, 3);
    let mut plain = open(&sweep(corruption.clone(), false).run(&["--workers", "2"]));
    let mut exact = open(&sweep(corruption, true).run(&["--workers", "2"]));
    assert!(!plain.names().iter().any(|name| name.ends_with(".prompts")));
    let mut apart: Vec<Scores> = (4..7).map(|seed| open(&sweep(drawn(permute(), seed, 1), false).run(&[]))).collect();
    for grid in ["corrupted", "resid_pre", "z"] {
        assert_close(&plain.tensor(grid), &exact.tensor(grid), "the means do not depend on what is kept");
        let name = format!("{grid}.stderr");
        let squares = stacked(&mut apart, &name).mapv(|error| error * error);
        assert_close(&plain.tensor(&name), &squares.mean_axis(Axis(0)).expect("three").mapv(f32::sqrt), &name);
        let (plain, exact) = (plain.tensor(&name), exact.tensor(&name));
        assert!(plain.iter().zip(&exact).all(|(plain, exact)| *plain >= exact - TOLERANCE));
        assert!(plain.iter().zip(&exact).any(|(plain, exact)| *plain > 1.05 * exact), "and really more somewhere");
    }
}

#[test]
fn the_manifest_names_the_seeds_and_how_intervals_are_made() {
    let mut sweep = sweep(drawn(permute(), 4, 2), true);
    let folder = sweep.run(&[]);
    let text = fs::read(folder.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&text).expect("a JSON object");
    assert_eq!(manifest["dataset"]["replicate_seeds"], json!([4, 5]));
    assert_eq!(manifest["statistics"]["interval"], "bootstrap");
    assert_eq!(manifest["labels"]["iteration"].as_array().map(Vec::len), Some(2));
    let grid = &manifest["grids"][0];
    assert_eq!((&grid["shape"], &grid["cells"]), (&json!([2, 4, 8]), &json!(64)));
    let noops = open(&folder).statuses("resid_pre.status").iter().filter(|&&status| status == CellStatus::NoOp).count();
    assert_eq!(grid["noops"], noops);
}
