//! `patchsweep check` and `run --check`: what they compute, who computes it, and that wrong scores are found.

mod estimates;
mod liar;
mod played;

use std::fs;
use std::path::Path;

use patchsweep_tests::cluster::{ask, data, spec};
use patchsweep_tests::{patchsweep, serve, sweep, worker};
use serde_json::Value;

fn checked(url: &str, args: &[&str]) -> Value {
    let printed: Value = serde_json::from_str(&ask(url, args)).expect("JSON");
    printed["check"].clone()
}

fn registered(url: &str) -> patchsweep_tests::Running {
    let mut worker = worker(url, &["--models", &data()]);
    worker.wait_for("registered with the coordinator");
    worker
}

#[test]
fn a_sweep_is_checked_by_other_workers_than_its_own_and_agrees() {
    let (_coordinator, url) = serve(&["--models", &data()]);
    let _workers = [registered(&url), registered(&url)];
    let report = checked(&url, &["check", &spec(), "--output", "json"]);
    assert_eq!(report["agreed"], true, "{report}");
    assert!(report["cells"].as_u64() >= Some(20) && report["noops"].as_u64() >= Some(5), "{report}");
    assert_eq!(report["by_another_worker"], report["cells"], "{report}");
    let grids: Vec<&str> =
        report["grids"].as_array().expect("grids").iter().filter_map(|grid| grid["grid"].as_str()).collect();
    assert_eq!(grids, ["resid_pre", "z"]);

    let list = ask(&url, &["list"]);
    let named = |name: &str| list.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!((named("acronyms-check-"), named("acronyms-")), (1, 2), "{list}");
}

#[test]
fn a_sweep_of_a_single_worker_is_checked_by_it_and_a_check_is_not_checked() {
    let (_coordinator, url) = serve(&["--models", &data()]);
    let _worker = registered(&url);
    let id = ask(&url, &["submit", &spec(), "--wait"]);
    let table = ask(&url, &["check", &id, "--cells", "7", "--seed", "3"]);
    assert!(table.starts_with("grid ") && table.contains("agree (largest difference"), "{table}");
    assert!(table.ends_with("computed by another worker") && table.contains("; 0 of "), "{table}");

    let check = ask(&url, &["check", &id, "--cells", "1", "--output", "quiet"]);
    let refused = patchsweep(&["check", &check, "--coordinator", &url]).assert().failure();
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(stderr.contains("is a check itself") && stderr.contains(&id), "{stderr}");
    let unknown = patchsweep(&["check", "nowhere", "--coordinator", &url]).assert().failure();
    let stderr = String::from_utf8_lossy(&unknown.get_output().stderr).into_owned();
    assert!(stderr.contains("no sweep `nowhere`"), "{stderr}");
}

/// The manifest's part on the check.
fn run_with_check(spec: &Path, out: &Path) -> Value {
    sweep::run(spec, out, &["--workers", "2", "--check"]);
    let manifest: Value =
        serde_json::from_slice(&fs::read(out.join("manifest.json")).expect("a manifest")).expect("JSON");
    manifest["check"].clone()
}

#[test]
fn run_checks_at_the_end_and_writes_it_into_the_manifest_in_every_dtype() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, tolerance) in [("float32", 1e-4), ("bfloat16", 3.0), ("float16", 0.4)] {
        let text = fs::read_to_string(spec()).expect("the example").replace("\"float32\"", &format!("\"{name}\""));
        // Half precision is slow on CPUs.
        let text = text.replace("samples = 250", "samples = 30");
        let beside = |file: &str| Path::new(&data()).join(file);
        for file in ["acronyms.txt", "acronym-gpt2"] {
            let link = folder.path().join(file);
            if !link.exists() {
                std::os::unix::fs::symlink(beside(file), link).expect("a link");
            }
        }
        let spec = folder.path().join(format!("{name}.toml"));
        fs::write(&spec, text).expect("written");
        let check = run_with_check(&spec, &folder.path().join(name));
        assert_eq!(check["agreed"], true, "{name}: {check}");
        assert_eq!(check["tolerance"].as_f64(), Some(tolerance), "{name}");
        assert!(check["cells"].as_u64() >= Some(20), "{name}: {check}");
        let difference = check["largest_difference"].as_f64().expect("a number");
        eprintln!("{name}: largest difference {difference:e}, tolerance {tolerance:e}");
        assert_eq!(check["by_another_worker"], check["cells"], "{name}: {check}");
    }
}
