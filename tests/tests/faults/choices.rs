//! A coordinator that is killed around the choice of which cells are computed.

use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_tests::cluster::{Durable, ask, data, fetch};
use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Scores, sweep};
use tempfile::TempDir;

/// The example sweep, estimated and verified.
fn spec(folder: &TempDir) -> String {
    let text = fs::read_to_string(format!("{}/acronyms.toml", data())).expect("the example");
    let verified = "estimate = \"gradient\"\nverify = { top = 3, sample = 4, seed = 5 }\naxes";
    let text = text.replace("samples = 250", "samples = 60").replace("\naxes", &format!("\n{verified}"));
    for file in ["acronyms.txt", "acronym-gpt2"] {
        std::os::unix::fs::symlink(format!("{}/{file}", data()), folder.path().join(file)).expect("a link");
    }
    let path = folder.path().join("estimated.toml");
    fs::write(&path, text).expect("written");
    path.to_str().expect("a plain path").to_owned()
}

/// A tensor's bits; NaN where nothing was computed.
fn same(one: &mut Scores, other: &mut Scores, name: &str) -> bool {
    let (one, other) = (one.tensor(name), other.tensor(name));
    let known = |(a, b): (&f32, &f32)| (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-5;
    one.shape() == other.shape() && one.iter().zip(other.iter()).all(known)
}

/// Moments at which the coordinator is killed.
const MOMENTS: [&str; 3] = ["sweep submitted", "tile done", "chose which cells are computed"];

/// What a sweep gives whose coordinator is killed and started again; `folder`: of results.
fn disturbed(moment: &str, spec: &str, folder: &TempDir) -> PathBuf {
    let mut coordinator = Durable::start(folder);
    let url = coordinator.url();
    let mut worker = coordinator.worker();
    let id = ask(&url, &["submit", spec]);
    coordinator.process().wait_for(moment);
    coordinator.process().signal("KILL");
    coordinator.process().wait();
    coordinator.restart();
    worker.wait_for("registered with the coordinator");
    let _ = ask(&url, &["watch", &id]);
    fetch(&url, &id, folder)
}

fn open(folder: &Path) -> Scores {
    Scores::open(&folder.join("scores.npz"))
}

fn manifest(folder: &Path) -> serde_json::Value {
    let text = fs::read(folder.join("manifest.json")).expect("a manifest");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn a_choice_that_was_made_stays_and_one_that_was_not_is_made_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = spec(&folder);
    let undisturbed = folder.path().join("undisturbed");
    sweep::run(spec.as_ref(), &undisturbed, &["--workers", "1"]);
    for moment in MOMENTS {
        let own = tempfile::tempdir().expect("a temporary folder");
        let fetched = disturbed(moment, &spec, &own);
        let (mut ours, mut theirs) = (open(&fetched), open(&undisturbed));
        for name in ["z", "z.value", "z.estimate", "resid_pre", "resid_pre.estimate"] {
            assert!(same(&mut ours, &mut theirs, name), "{moment}: {name}");
        }
        assert!(largest_difference(&ours.tensor("z.estimate"), &theirs.tensor("z.estimate")) <= 1e-5);
        let [ours, theirs] = [&fetched, &undisturbed].map(|folder| manifest(folder)["verification"].clone());
        let entries = ours.as_array().expect("a list");
        assert!(!entries.is_empty() && entries.len() == theirs.as_array().expect("a list").len());
        for (ours, theirs) in entries.iter().zip(theirs.as_array().expect("a list")) {
            for field in ["grid", "estimated", "top", "sample", "missed_at_most"] {
                assert_eq!(ours[field], theirs[field], "{moment}: {field}");
            }
        }
    }
}

#[test]
fn active_features_are_the_same_whenever_the_coordinator_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = format!("{}/features.toml", data());
    let undisturbed = folder.path().join("undisturbed");
    sweep::run(spec.as_ref(), &undisturbed, &["--workers", "1"]);
    let coordinates = |folder: &Path| manifest(folder)["grids"][1]["coordinates"].clone();
    assert_eq!(manifest(&undisturbed)["grids"][1]["features"], "active");
    for moment in MOMENTS {
        let own = tempfile::tempdir().expect("a temporary folder");
        let fetched = disturbed(moment, &spec, &own);
        let (mut ours, mut theirs) = (open(&fetched), open(&undisturbed));
        for name in ["active", "active.value", "attended"] {
            assert!(same(&mut ours, &mut theirs, name), "{moment}: {name}");
        }
        assert_eq!(coordinates(&fetched), coordinates(&undisturbed), "{moment}");
    }
}
