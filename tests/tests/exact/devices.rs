//! A worker with several devices.

use patchsweep_tests::cluster::{ask, data, fetch, submit, undisturbed};
use patchsweep_tests::{Scores, serve, worker};

#[test]
fn a_worker_with_two_devices_shares_the_layers_out_and_scores_the_same_to_the_last_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_coordinator, url) = serve(&["--models", &data()]);
    let mut both = worker(&url, &["--models", &data(), "--device", "cpu,cpu", "--memory-budget", "4GiB"]);
    let id = submit(&url, &[]);
    let _ = ask(&url, &["watch", &id]);
    let workers = ask(&url, &["workers", "--output", "json"]);
    assert!(workers.contains(r#""device":"cpu,cpu""#) || workers.contains(r#""device": "cpu,cpu""#), "{workers}");
    let scores = |folder: &std::path::Path| Scores::open(&folder.join("scores.npz"));
    let (mut two, mut one) = (scores(&fetch(&url, &id, &folder)), scores(&undisturbed(&folder, &[])));
    let names = one.names();
    assert!(names.len() > 4, "{names:?}");
    for name in ["clean", "corrupted", "resid_pre", "resid_pre.value", "resid_pre.stderr", "z", "z.value", "z.stderr"] {
        assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
        let bits = |scores: &mut Scores| scores.tensor(name).iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&mut two), bits(&mut one), "{name}");
    }
    assert_eq!(both.count("layers 0 to 1 on cpu, 2 to 3 on cpu"), 1);
}
