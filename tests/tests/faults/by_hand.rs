//! Coordinator, workers and clients started one by one, as on several machines.

use std::fs;
use std::net::TcpListener;

use patchsweep_tests::cluster::{FINE, ask, assert_same_scores, data, fetch, submit, undisturbed};
use patchsweep_tests::{patchsweep, repository, serve, serve_at, worker};

#[test]
fn workers_may_start_before_the_coordinator_and_after_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let url = format!("http://{free}");
    let mut before = worker(&url, &["--models", &data()]);
    before.wait_for("cannot reach the coordinator");
    let address = free.to_string();
    let _coordinator = serve_at(&address, &["--models", &data()]);
    before.wait_for("registered with the coordinator");
    let mut after = worker(&url, &["--models", &data(), "--memory-budget", "8MiB"]);
    after.wait_for("registered with the coordinator");

    let id = submit(&url, &["--wait"]);
    assert!(id.starts_with("acronyms-"), "{id}");
    assert!(ask(&url, &["status", &id]).contains("done"));
    assert!(ask(&url, &["list"]).contains(&id));
    let top = ask(&url, &["top", &id, "-k", "2"]);
    assert_eq!(top.matches('±').count(), 12, "two cells of two grids in three iterations:\n{top}");
    assert_eq!(submit(&url, &["--wait"]), id, "the same spec is the same sweep");
    assert_same_scores(&fetch(&url, &id, &folder), &undisturbed(&folder, &[]));
}

#[test]
fn a_killed_workers_tiles_are_computed_by_the_others() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut coordinator, url) = serve(&["--models", &data()]);
    let mut victim = worker(&url, &["--models", &data()]);
    victim.wait_for("registered with the coordinator");
    let id = submit(&url, &FINE);
    victim.wait_for("model loaded");
    victim.signal("KILL");
    victim.wait();
    coordinator.wait_for("worker disconnected");
    let status = ask(&url, &["status", &id]);
    assert!(status.contains("running"), "killed in the middle of the sweep:\n{status}");

    let _heir = worker(&url, &["--models", &data()]);
    let _ = ask(&url, &["watch", &id]);
    assert_same_scores(&fetch(&url, &id, &folder), &undisturbed(&folder, &FINE));
}

#[test]
fn a_terminated_worker_hands_back_its_tiles_and_exits_with_0() {
    let (mut coordinator, url) = serve(&["--models", &data()]);
    let mut leaving = worker(&url, &["--models", &data()]);
    leaving.wait_for("registered with the coordinator");
    let id = submit(&url, &FINE);
    leaving.wait_for("model loaded");
    leaving.signal("TERM");
    coordinator.wait_for("worker is leaving");
    assert!(leaving.wait().success());
    let status = ask(&url, &["status", &id]);
    assert!(status.contains("running"), "left in the middle of the sweep:\n{status}");

    let _heir = worker(&url, &["--models", &data()]);
    let _ = ask(&url, &["watch", &id]);
}

#[test]
fn a_cancelled_sweep_ends_and_has_no_results() {
    let (_coordinator, url) = serve(&["--models", &data()]);
    let id = submit(&url, &[]);
    assert!(ask(&url, &["cancel", &id]).contains("cancelled"));
    let refused = patchsweep(&["watch", &id, "--coordinator", &url]).assert().code(1);
    let message = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(message.contains("was cancelled"), "{message}");
    assert_ne!(submit(&url, &[]), id, "a cancelled sweep can be submitted anew");
}

#[test]
fn a_terminated_coordinator_exits_with_0_whatever_its_clients_do() {
    let (mut coordinator, url) = serve(&["--models", &data()]);
    let mut connected = worker(&url, &["--models", &data()]);
    connected.wait_for("registered with the coordinator");
    let id = submit(&url, &FINE);
    connected.wait_for("model loaded");
    coordinator.signal("TERM");
    assert!(coordinator.wait().success());
    connected.wait_for("no session with the coordinator");
    let unreachable = patchsweep(&["status", &id, "--coordinator", &url]).assert().code(4);
    let message = String::from_utf8_lossy(&unreachable.get_output().stderr).into_owned();
    assert!(message.contains("cannot reach the coordinator"), "{message}");
}

#[test]
fn a_worker_with_other_weights_has_no_part_in_the_scores() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut coordinator, url) = serve(&["--models", &data()]);
    let mut good = worker(&url, &["--models", &data()]);
    good.wait_for("registered with the coordinator");
    let id = submit(&url, &FINE);
    coordinator.wait_for("tile done");
    // The first scores are its own; it waits until the other worker has had its say.
    good.signal("STOP");

    let models = folder.path().join("models");
    let model = models.join("acronym-gpt2");
    fs::create_dir_all(&model).expect("a model folder");
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
        let mut bytes = fs::read(repository().join("data/acronym-gpt2").join(file)).expect("the embedded model");
        if file == "model.safetensors" {
            let last = bytes.len() - 2;
            bytes[last] ^= 1;
        }
        fs::write(model.join(file), bytes).expect("a copied file");
    }
    let _other = worker(&url, &["--models", models.to_str().expect("a plain path")]);
    coordinator.wait_for("worker has another model");
    good.signal("CONT");
    let _ = ask(&url, &["watch", &id]);
    assert_same_scores(&fetch(&url, &id, &folder), &undisturbed(&folder, &FINE));
}
