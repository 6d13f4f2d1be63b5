//! Tokens are replaced while coordinator and workers run.

use std::fs;
use std::path::Path;

use patchsweep_tests::{Running, patchsweep};

use super::certificates::{NOW, Site};
use super::locked::{Locked, NOT_LET_IN, data, ends, plain};

fn rotate(state: &Path, role: &str, args: &[&str]) {
    patchsweep(&[&["token", "rotate", "--role", role, "--state", plain(state)], args].concat()).assert().success();
}

fn copy(locked: &Locked, role: &str) -> String {
    let copy = locked.state.path().join(format!("old-{role}"));
    fs::copy(locked.credentials(role), &copy).expect("a copied file");
    plain(&copy).to_owned()
}

#[test]
fn a_rotated_token_is_refused_from_then_on_and_the_new_one_taken() {
    let locked = Locked::start(&[]);
    for role in ["worker", "client"] {
        let old = copy(&locked, role);
        rotate(locked.state.path(), role, &[]);
        let stderr = ends(role, &["--credentials", &old], NOT_LET_IN);
        assert!(
            stderr.contains(&format!("does not know the token in {old}")) && stderr.contains("rotated"),
            "{stderr}"
        );
    }
    ends("client", &["--credentials", plain(&locked.credentials("client"))], 0);
}

#[test]
fn a_rotated_token_may_count_for_a_while() {
    let locked = Locked::start(&[]);
    let old = copy(&locked, "client");
    rotate(locked.state.path(), "client", &["--keep-old", "10m"]);
    ends("client", &["--credentials", &old], 0);
    rotate(locked.state.path(), "client", &[]);
    ends("client", &["--credentials", &old], NOT_LET_IN);
}

#[test]
fn a_connected_workers_rotated_token_ends_its_connection_and_it_comes_back_with_the_new_one() {
    let mut locked = Locked::start(&[]);
    let file = locked.credentials("worker");
    let mut worker = Running::start("patchsweep-worker", &["--threads", "1", "--credentials", plain(&file)]);
    worker.wait_for("registered with the coordinator");
    rotate(locked.state.path(), "worker", &[]);
    locked.process.wait_for("its token counts no more");
    worker.wait_for("registered with the coordinator");

    let old = copy(&locked, "worker");
    let mut stale = Running::start("patchsweep-worker", &["--threads", "1", "--credentials", &old]);
    stale.wait_for("registered with the coordinator");
    rotate(locked.state.path(), "worker", &[]);
    assert_eq!(stale.wait().code(), Some(NOT_LET_IN));
}

#[test]
fn a_watch_comes_back_with_the_new_token_and_ends_with_an_old_one() {
    let mut locked = Locked::start(&[]);
    let (file, old) = (locked.credentials("client"), copy(&locked, "client"));
    let with = |command: &[&str], file: &str| {
        let assert = patchsweep(&[command, &["--credentials", file]].concat()).assert().success();
        String::from_utf8_lossy(&assert.get_output().stdout).trim().to_owned()
    };
    let id = with(&["submit", &format!("{}/acronyms.toml", data())], plain(&file));
    let watch = |file: &str| {
        let mut watch = Running::start("patchsweep", &["watch", &id, "--credentials", file]);
        watch.wait_for("0/");
        watch
    };
    let (mut fresh, mut stale) = (watch(plain(&file)), watch(&old));
    rotate(locked.state.path(), "client", &[]);
    locked.process.wait_for("its token counts no more");
    for watch in [&mut fresh, &mut stale] {
        watch.wait_for("lost the coordinator");
    }
    assert_eq!(stale.wait().code(), Some(NOT_LET_IN));
    let _ = with(&["cancel", &id], plain(&file));
    fresh.wait_for("was cancelled");
}

#[test]
fn a_state_directory_without_tokens_has_none_to_rotate() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let rotate = ["token", "rotate", "--role", "worker", "--state", plain(state.path())];
    let refused = patchsweep(&rotate).assert().code(1);
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(stderr.contains("patchsweep serve --state"), "{stderr}");
}

#[test]
fn a_sites_renewed_certificate_is_taken_without_a_restart() {
    let (first, second) = (Site::new("127.0.0.1", NOW), Site::new("127.0.0.1", NOW));
    let args = first.args();
    let mut locked = Locked::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let client = locked.credentials("client");
    ends("client", &["--credentials", plain(&client)], 0);
    for name in ["server.key", "server.pem"] {
        fs::copy(second.path(name), first.path(name)).expect("a copied file");
    }
    // Looked at once a second, when somebody connects.
    let replaced = || {
        let listed = patchsweep(&["list", "--credentials", plain(&client)]).assert();
        listed.get_output().status.code() == Some(NOT_LET_IN)
    };
    assert!((0..10_000).any(|_| replaced()), "the certificate of another CA is shown in time");
    locked.process.wait_for("server certificate replaced");
}
