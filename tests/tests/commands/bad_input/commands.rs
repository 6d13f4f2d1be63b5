//! Addresses, devices and sweep ids that lead nowhere.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use patchsweep_tests::process::BOUND;
use patchsweep_tests::{patchsweep, program, serve};

use super::refusal::{FAILED, REFUSED, UNREACHABLE, complaint, content, plain, run_fails, says};
use super::text::{PROMPTS, SPEC, sweep};

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9";

/// What a worker says that must end by itself with exit code 2.
#[track_caller]
fn worker_complaint(args: &[&str]) -> String {
    let mut worker = Command::new(program("patchsweep-worker"));
    let assert = worker.args(args).env_remove("PATCHSWEEP_COORDINATOR").timeout(BOUND).assert().code(REFUSED);
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

#[test]
fn an_unreachable_coordinator_is_named_within_seconds() {
    let sweep = sweep(SPEC, PROMPTS);
    let (spec, out) = (sweep.spec(), sweep.folder().join("results"));
    let commands: [&[&str]; 10] = [
        &["submit", plain(&spec)],
        &["list"],
        &["status", "letters"],
        &["watch", "letters"],
        &["cancel", "letters"],
        &["resume", "letters"],
        &["workers"],
        &["drain", "w1"],
        &["top", "letters"],
        &["results", "letters", "--out", plain(&out)],
    ];
    let began = Instant::now();
    for command in commands {
        let stderr = complaint(&[command, &["--coordinator", NOBODY]].concat(), UNREACHABLE);
        says(&stderr, &["cannot reach the coordinator at http://127.0.0.1:9", "`patchsweep serve`", "--coordinator"]);
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?} for ten commands", began.elapsed());
    assert_eq!(content(sweep.folder()), ["model", "prompts.txt", "spec.toml"]);
}

#[test]
fn an_address_that_cannot_be_dialled_is_refused() {
    for address in ["127.0.0.1:7070", "head-node", "ftp://head-node", "not a url"] {
        let parts = ["--coordinator <URL>", address, "an address begins with http://"];
        says(&complaint(&["list", "--coordinator", address], REFUSED), &parts);
        says(&worker_complaint(&["--coordinator", address]), &parts);
    }
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let state = tempfile::tempdir().expect("a temporary folder");
    let state = state.path().to_str().expect("a plain path");
    let stderr = complaint(&["serve", "--listen", &address, "--state", state], FAILED);
    let named = format!("cannot listen on {address}; choose another address with --listen: Address already in use");
    says(&stderr, &[&named]);
}

#[test]
fn an_unknown_device_ends_the_worker() {
    for device in ["gpu", "cuda:x", "cuda:-1"] {
        let stderr = worker_complaint(&["--coordinator", NOBODY, "--device", device]);
        says(&stderr, &[&format!("error: unknown device `{device}`; use `cpu` or `cuda:N`")]);
    }
}

#[test]
fn workers_that_all_end_at_once_end_the_run() {
    let sweep = sweep(SPEC, PROMPTS);
    let parts = ["unknown device `gpu`; use `cpu` or `cuda:N`", "all workers have ended", "exit code 2"];
    run_fails(&sweep, FAILED, &["--device", "gpu"], &parts);
    run_fails(&sweep, FAILED, &["--device", "gpu", "--workers", "2"], &parts);
}

#[test]
fn a_worker_program_that_is_not_there_is_named() {
    let sweep = sweep(SPEC, PROMPTS);
    let (spec, out, nothing) = (sweep.spec(), sweep.folder().join("results"), sweep.folder().join("no-worker"));
    let mut command = patchsweep(&["run", plain(&spec), "--out", plain(&out)]);
    let assert = command.env("PATCHSWEEP_WORKER", &nothing).assert().code(FAILED);
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    let named = format!("cannot start {}; ", nothing.display());
    says(&stderr, &[&named, "name it with PATCHSWEEP_WORKER: No such file"]);
    assert!(!out.exists());
}

#[test]
fn a_sweep_that_there_is_not_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("results");
    let (_coordinator, url) = serve(&[]);
    let commands: [&[&str]; 5] = [
        &["status", "nope"],
        &["watch", "nope"],
        &["cancel", "nope"],
        &["top", "nope"],
        &["results", "nope", "--out", plain(&out)],
    ];
    for command in commands {
        let stderr = complaint(&[command, &["--coordinator", &url]].concat(), FAILED);
        says(&stderr, &["error: no sweep `nope`", "`patchsweep list` shows those that there are"]);
    }
    assert!(content(folder.path()).is_empty());
}

#[test]
fn a_sweep_without_results_says_what_it_is() {
    let sweep = sweep(SPEC, PROMPTS);
    let (spec, out) = (sweep.spec(), sweep.folder().join("results"));
    let (_coordinator, url) = serve(&["--models", plain(sweep.folder())]);
    let submitted = patchsweep(&["submit", plain(&spec), "--coordinator", &url]).assert().success();
    let id = String::from_utf8_lossy(&submitted.get_output().stdout).trim().to_owned();
    let fetch = |state: &str| {
        let commands: [&[&str]; 2] = [&["results", &id, "--out", plain(&out)], &["top", &id]];
        for command in commands {
            let stderr = complaint(&[command, &["--coordinator", &url]].concat(), FAILED);
            let what = format!("error: sweep `{id}` has no results: it is {state}");
            says(&stderr, &[&what, &format!("`patchsweep status {id}` says more")]);
        }
    };
    fetch("running");
    patchsweep(&["cancel", &id, "--coordinator", &url]).assert().success();
    fetch("cancelled");
    says(&complaint(&["watch", &id, "--coordinator", &url], FAILED), &[&format!("sweep `{id}` was cancelled")]);
    assert_eq!(content(sweep.folder()), ["model", "prompts.txt", "spec.toml"]);
}

#[test]
fn a_remote_coordinator_refuses_a_spec_in_the_same_words() {
    let sweep = sweep(&SPEC.replace(r#""z""#, r#""zz""#), PROMPTS);
    let (_coordinator, url) = serve(&["--models", plain(sweep.folder())]);
    let stderr = complaint(&["submit", plain(&sweep.spec()), "--coordinator", &url], REFUSED);
    says(&stderr, &["spec.toml: spec line 26, column 13: unknown component `zz`", "did you mean `z`?"]);
}
