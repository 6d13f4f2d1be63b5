//! What `serve` makes, prints and refuses; and a sweep through the gate.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use patchsweep_tests::{Running, patchsweep, serve, serve_at};

use super::certificates::{NOW, Site};
use super::locked::{Locked, data, ends, plain};

fn spec() -> String {
    format!("{}/acronyms.toml", data())
}

fn sweep_through(locked: &Locked) {
    let worker = locked.credentials("worker");
    let args = ["--threads", "1", "--models", &data(), "--credentials", plain(&worker)];
    let _worker = Running::start("patchsweep-worker", &args);
    let client = locked.credentials("client");
    let with = ["--credentials", plain(&client)];
    let submitted = patchsweep(&[&["submit", &spec(), "--wait"], &with[..]].concat()).assert().success();
    let id = String::from_utf8_lossy(&submitted.get_output().stdout).trim().to_owned();
    let out = locked.state.path().join("results");
    patchsweep(&[&["results", &id, "--out", plain(&out)], &with[..]].concat()).assert().success();
    assert!(out.join("scores.npz").is_file());
}

#[test]
fn a_sweep_runs_over_tls_with_tokens() {
    sweep_through(&Locked::start(&[]));
}

#[test]
fn a_sweep_runs_with_the_sites_own_certificate() {
    let site = Site::new("127.0.0.1", NOW);
    sweep_through(&Locked::start(&site.args().iter().map(String::as_str).collect::<Vec<_>>()));
}

#[test]
fn the_commands_for_workers_and_clients_are_printed() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let (mut coordinator, _) = Locked::start_in(state.path(), &[]);
    let credentials = |role| plain(&state.path().join(format!("{role}.credentials"))).to_owned();
    let worker = coordinator.wait_for("start workers with");
    assert!(worker.contains(&format!("patchsweep-worker --credentials {}", credentials("worker"))), "{worker}");
    let client = coordinator.wait_for("submit sweeps with");
    assert!(client.contains(&format!("--credentials {}", credentials("client"))), "{client}");
}

#[test]
fn what_is_secret_is_its_owners_only_and_stays_the_same() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let folder = state.path().join("state");
    let names = ["tls/ca.key", "tls/ca.pem", "tls/server.key", "tls/server.pem"];
    let names = [&names[..], &["tokens", "connect.toml", "worker.credentials", "client.credentials"]].concat();
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    drop(Locked::start_in(&folder, &[]));
    assert_eq!([mode(&folder), mode(&folder.join("tls"))], [0o700; 2]);
    for name in &names {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    let kept = ["tls/ca.key", "tls/ca.pem", "tls/server.pem", "tokens"];
    let content = || kept.map(|name| fs::read(folder.join(name)).expect("it is there"));
    let before = content();
    let (_again, url) = Locked::start_in(&folder, &[]);
    assert_eq!(before, content());
    let client = fs::read_to_string(folder.join("client.credentials")).expect("it is there");
    assert!(client.contains(&url), "the address is another port:\n{client}");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let state = tempfile::tempdir().expect("a temporary folder");
    drop(Locked::start_in(state.path(), &[]));
    let key = state.path().join("tls/ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changed");
    let args = ["serve", "--listen", "127.0.0.1:0", "--tls", "--state", plain(state.path())];
    let refused = patchsweep(&args).assert().code(1);
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(stderr.contains("ca.key can be read by others") && stderr.contains("chmod 600"), "{stderr}");
}

#[test]
fn other_addresses_than_loopback_have_tls_and_tokens_by_themselves() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let (_coordinator, url) = serve_at("0.0.0.0:0", &["--state", plain(state.path())]);
    assert!(url.starts_with("https://0.0.0.0:"), "{url}");
    let url = url.replace("0.0.0.0", "127.0.0.1");
    let client = state.path().join("client.credentials");
    ends("client", &["--coordinator", &url, "--credentials", plain(&client)], 0);
}

#[test]
fn being_open_to_everybody_elsewhere_has_to_be_forced() {
    let refused = patchsweep(&["serve", "--listen", "0.0.0.0:0", "--insecure"]).assert().code(2);
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(stderr.contains("--insecure") && stderr.contains("--force"), "{stderr}");
    let (mut forced, _) = serve_at("0.0.0.0:0", &["--insecure", "--force"]);
    assert_eq!(forced.count("neither TLS nor tokens"), 1);
    let (_open, url) = serve(&["--insecure"]);
    ends("client", &["--coordinator", &url], 0);
}
