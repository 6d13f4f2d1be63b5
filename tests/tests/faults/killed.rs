//! Processes that are killed, stopped and started again in the middle of a sweep. Each test sees its fault strike, and then
//! the scores of an undisturbed sweep and how many tiles were computed in vain.

use patchsweep_tests::cluster::{Durable, FINE, ask, assert_same_scores, fetch, submit, undisturbed};
use patchsweep_tests::{Running, patchsweep};
use tempfile::TempDir;

/// Leases that a worker holds at once.
const CREDIT: usize = 2;

/// Tiles of the sweep.
fn tiles(url: &str, id: &str) -> usize {
    let status = ask(url, &["status", id]);
    let counts = status.split_whitespace().find_map(|word| word.split_once('/'));
    counts.and_then(|(_, total)| total.parse().ok()).unwrap_or_else(|| panic!("done and total tiles in:\n{status}"))
}

/// Waits for the end, compares with an undisturbed sweep and gives the number of tiles that were computed in vain.
pub(super) fn finish(url: &str, id: &str, folder: &TempDir, workers: &mut [&mut Running]) -> usize {
    let _ = ask(url, &["watch", id]);
    assert_same_scores(&fetch(url, id, folder), &undisturbed(folder, &FINE));
    let computed: usize = workers.iter_mut().map(|worker| worker.count("tile computed")).sum();
    computed - tiles(url, id)
}

fn assert_running(url: &str, id: &str) {
    let status = ask(url, &["status", id]);
    assert!(status.contains("running"), "the fault came in the middle of the sweep:\n{status}");
}

#[test]
fn a_worker_that_is_killed_costs_no_more_than_what_it_held() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut coordinator = Durable::start(&folder);
    let url = coordinator.url();
    let mut victim = coordinator.worker();
    let id = submit(&url, &FINE);
    victim.wait_for("tile computed");
    victim.signal("KILL");
    victim.wait();
    coordinator.process().wait_for("worker disconnected");
    assert_running(&url, &id);
    let mut heir = coordinator.worker();
    let in_vain = finish(&url, &id, &folder, &mut [&mut victim, &mut heir]);
    assert!(in_vain <= CREDIT, "{in_vain} tiles computed in vain");
}

#[test]
fn a_worker_that_is_stopped_and_comes_back_late_harms_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut coordinator = Durable::start(&folder);
    let url = coordinator.url();
    let mut sleeper = coordinator.worker();
    let id = submit(&url, &FINE);
    sleeper.wait_for("tile computed");
    sleeper.signal("STOP");
    // The connection is taken for dead before the worker is.
    coordinator.process().wait_for("worker disconnected");
    assert_running(&url, &id);
    let mut other = coordinator.worker();
    other.wait_for("tile computed");
    sleeper.signal("CONT");
    sleeper.wait_for("registered with the coordinator");
    let in_vain = finish(&url, &id, &folder, &mut [&mut sleeper, &mut other]);
    assert!(in_vain <= CREDIT, "{in_vain} tiles computed in vain");
}

#[test]
fn a_coordinator_that_is_killed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut coordinator = Durable::start(&folder);
    let url = coordinator.url();
    let (mut one, mut two) = (coordinator.worker(), coordinator.worker());
    let id = submit(&url, &FINE);
    for _ in 0..10 {
        coordinator.process().wait_for("tile done");
    }
    assert_running(&url, &id);
    coordinator.process().signal("KILL");
    coordinator.process().wait();
    one.wait_for("no session with the coordinator");
    coordinator.restart();
    let recovered = coordinator.process().wait_for("sweep recovered");
    assert!(recovered.contains(&id), "{recovered}");
    one.wait_for("registered with the coordinator");
    two.wait_for("registered with the coordinator");
    let in_vain = finish(&url, &id, &folder, &mut [&mut one, &mut two]);
    assert!(in_vain <= 2 * CREDIT, "{in_vain} tiles computed in vain");
}

#[test]
fn all_workers_may_die() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut coordinator = Durable::start(&folder);
    let url = coordinator.url();
    let mut victims = [coordinator.worker(), coordinator.worker()];
    let id = submit(&url, &FINE);
    for victim in &mut victims {
        victim.wait_for("tile computed");
        victim.signal("KILL");
        victim.wait();
        coordinator.process().wait_for("worker disconnected");
    }
    assert_running(&url, &id);
    let [mut first, mut second] = victims;
    let (mut third, mut fourth) = (coordinator.worker(), coordinator.worker());
    let in_vain = finish(&url, &id, &folder, &mut [&mut first, &mut second, &mut third, &mut fourth]);
    assert!(in_vain <= 2 * CREDIT, "{in_vain} tiles computed in vain");
}

#[test]
fn a_drained_worker_finishes_what_it_has_in_hand_and_nothing_is_computed_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut coordinator = Durable::start(&folder);
    let url = coordinator.url();
    let (mut leaving, mut staying) = (coordinator.worker(), coordinator.worker());
    let id = submit(&url, &FINE);
    leaving.wait_for("tile computed");
    assert_running(&url, &id);
    let workers = ask(&url, &["workers"]);
    let worker = workers.lines().find(|line| line.contains(&format!(":{} ", leaving.id())));
    let worker = worker.and_then(|line| line.split_whitespace().next()).unwrap_or_else(|| panic!("in:\n{workers}"));
    let _ = ask(&url, &["drain", worker]);
    assert!(leaving.wait().success());
    assert_running(&url, &id);
    assert_eq!(finish(&url, &id, &folder, &mut [&mut leaving, &mut staying]), 0, "tiles computed in vain");
}

#[test]
fn a_state_folder_has_one_coordinator() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let coordinator = Durable::start(&folder);
    let state = coordinator.state().to_str().expect("a plain path");
    let refused = patchsweep(&["serve", "--listen", "127.0.0.1:0", "--state", state]).assert().code(1);
    let message = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(message.contains("in use by another coordinator"), "{message}");
}

#[test]
fn a_coordinator_waits_for_the_one_before_it_to_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut before = Durable::start(&folder);
    let state = before.state().to_str().expect("a plain path").to_owned();
    let args = ["serve", "--listen", "127.0.0.1:0", "--state", &state, "--wait-for-state", "10m"];
    let mut next = Running::start("patchsweep", &args);
    next.wait_for("waiting for another coordinator to end");
    before.process().signal("TERM");
    before.process().wait();
    next.wait_for("listening on");

    let mut third = Running::start("patchsweep", &args);
    third.wait_for("waiting for another coordinator to end");
    third.signal("TERM");
    assert!(third.wait().success(), "one that waits leaves when it is asked to");
}

#[test]
fn a_sweep_that_is_done_can_be_fetched_after_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut coordinator = Durable::start(&folder);
    let url = coordinator.url();
    let _worker = coordinator.worker();
    let id = submit(&url, &["--wait"]);
    coordinator.process().signal("KILL");
    coordinator.process().wait();
    coordinator.restart();
    assert!(ask(&url, &["list"]).contains(&id));
    assert_same_scores(&fetch(&url, &id, &folder), &undisturbed(&folder, &[]));
    assert_eq!(submit(&url, &[]), id, "the same spec is the same sweep, after a restart too");
}
