//! A coordinator that is killed around the choice of which estimates are verified.

use std::fs;

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

#[test]
fn a_choice_that_was_made_stays_and_one_that_was_not_is_made_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = spec(&folder);
    let undisturbed = folder.path().join("undisturbed");
    sweep::run(spec.as_ref(), &undisturbed, &["--workers", "1"]);
    for moment in ["sweep submitted", "tile done", "chose which estimates are verified"] {
        let own = tempfile::tempdir().expect("a temporary folder");
        let mut coordinator = Durable::start(&own);
        let url = coordinator.url();
        let mut worker = coordinator.worker();
        let id = ask(&url, &["submit", &spec]);
        coordinator.process().wait_for(moment);
        coordinator.process().signal("KILL");
        coordinator.process().wait();
        coordinator.restart();
        worker.wait_for("registered with the coordinator");
        let _ = ask(&url, &["watch", &id]);
        let fetched = fetch(&url, &id, &own);
        let open = |folder: &std::path::Path| Scores::open(&folder.join("scores.npz"));
        let (mut ours, mut theirs) = (open(&fetched), open(&undisturbed));
        for name in ["z", "z.value", "z.estimate", "resid_pre", "resid_pre.estimate"] {
            assert!(same(&mut ours, &mut theirs, name), "{moment}: {name}");
        }
        assert!(largest_difference(&ours.tensor("z.estimate"), &theirs.tensor("z.estimate")) <= 1e-5);
        let manifest = |folder: &std::path::Path| -> serde_json::Value {
            let text = fs::read(folder.join("manifest.json")).expect("a manifest");
            let manifest: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            manifest["verification"].clone()
        };
        let (ours, theirs) = (manifest(&fetched), manifest(&undisturbed));
        let entries = ours.as_array().expect("a list");
        assert!(!entries.is_empty() && entries.len() == theirs.as_array().expect("a list").len());
        for (ours, theirs) in entries.iter().zip(theirs.as_array().expect("a list")) {
            for field in ["grid", "estimated", "top", "sample", "missed_at_most"] {
                assert_eq!(ours[field], theirs[field], "{moment}: {field}");
            }
        }
    }
}
