//! A worker with several devices.

use patchsweep_tests::cluster::{FINE, ask, data, fetch, spec, submit, undisturbed};
use std::fs;
use std::os::unix::fs::PermissionsExt;

use patchsweep_tests::{Scores, patchsweep, program, serve, worker};

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

#[test]
fn each_device_that_a_run_is_given_has_workers_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [out, starts, script] = ["out", "starts", "worker"].map(|name| folder.path().join(name));
    let worker = program("patchsweep-worker");
    let text = format!("#!/bin/sh\necho \"$*\" >> {}\nexec {} \"$@\"\n", starts.display(), worker.display());
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it may be run");
    let devices = ["--device", "cpu", "--device", "cpu,cpu", "--workers", "2"];
    let run = ["run", &spec(), "--out", out.to_str().expect("a plain path")];
    let mut command = patchsweep(&[&run, FINE.as_slice(), &devices].concat());
    command.env("PATCHSWEEP_WORKER", &script).assert().success();
    let starts = fs::read_to_string(starts).expect("what the workers were started with");
    let started = |part: &str| starts.lines().filter(|line| format!("{line} ").contains(&format!(" {part} "))).count();
    assert_eq!((started("--device cpu"), started("--device cpu,cpu"), starts.lines().count()), (2, 2, 4), "{starts}");
    assert_eq!(started("--sharing 4"), 4, "all are on one device: {starts}");
    let [many, one] = [out, undisturbed(&folder, &FINE)].map(|out| fs::read(out.join("scores.safetensors")));
    assert!(many.expect("scores") == one.expect("scores"), "the same scores, bit for bit");
}
