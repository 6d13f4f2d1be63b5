//! A cancelled sweep lets its workers go at once.

use std::fs;

use patchsweep_core::check::CheckOf;
use patchsweep_core::ids::SweepId;
use patchsweep_proto::v1::coordinator_message::Message as FromCoordinator;
use patchsweep_proto::v1::worker_message::Message as FromWorker;
use patchsweep_proto::v1::{
    CancelSweepRequest, Grant, Lease, ListWorkersRequest, Released, ResumeSweepRequest, Revoke, Submission, SweepState,
    WatchSweepRequest,
};
use patchsweep_serve::state::Store;
use patchsweep_tests::cluster::{FINE, ask, data, submit};
use patchsweep_tests::scripted::{ScriptedWorker, Served, within};
use patchsweep_tests::simulation::model;
use patchsweep_tests::tiny::Tiny;
use patchsweep_tests::{serve, worker};
use tokio_stream::StreamExt;

const CREDIT: u32 = 2;

/// Submits the tiny sweep as a new one; gives its id.
async fn submit_anew(served: &Served, tiny: &Tiny) -> String {
    served.submit(Submission { always_new: true, ..tiny.submission() }).await.sweep_id
}

/// All leases that the coordinator takes the workers to hold.
async fn leases(served: &Served) -> Vec<Lease> {
    let listed = served.client().await.list_workers(ListWorkersRequest {}).await.expect("a list");
    listed.into_inner().workers.into_iter().flat_map(|worker| worker.leases).collect()
}

/// Takes the next message for a revocation.
async fn revoked(worker: &mut ScriptedWorker) -> Lease {
    match worker.next().await {
        Some(FromCoordinator::Revoke(Revoke { lease: Some(lease) })) => lease,
        other => panic!("{other:?} in place of a revocation"),
    }
}

/// Takes the next message for a grant.
async fn granted(worker: &mut ScriptedWorker) -> Lease {
    match worker.next().await {
        Some(FromCoordinator::Grant(Grant { lease: Some(lease), .. })) => lease,
        other => panic!("{other:?} in place of a grant"),
    }
}

#[tokio::test]
async fn cancelling_revokes_every_lease_at_once_and_what_is_released_is_free_for_the_next_sweep() {
    let tiny = Tiny::new();
    let served = Served::in_memory(&tiny).await;
    let sweep_id = submit_anew(&served, &tiny).await;
    let mut workers = [served.worker(CREDIT).await, served.worker(CREDIT).await];
    let mut held = Vec::new();
    for worker in &mut workers {
        held.push([granted(worker).await, granted(worker).await]);
    }
    let cancelled = served.client().await.cancel_sweep(CancelSweepRequest { sweep_id }).await;
    assert_eq!(cancelled.expect("it runs").into_inner().state(), SweepState::Cancelled);
    let next = submit_anew(&served, &tiny).await;

    for (worker, held) in workers.iter_mut().zip(&held) {
        assert_eq!(&[revoked(worker).await, revoked(worker).await], held, "before anything else");
    }
    let busy = leases(&served).await;
    assert_eq!(busy, held.concat(), "the workers may still be busy with them");

    for (worker, held) in workers.iter_mut().zip(held) {
        for lease in held {
            worker.say(FromWorker::Released(Released { lease: Some(lease) })).await;
            assert_eq!(granted(worker).await.sweep_id, next);
        }
    }
    served.stop().await;
}

#[test]
fn a_worker_in_the_middle_of_a_long_tile_ends_it_and_begins_another_sweeps() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| folder.path().join(name);
    let text = fs::read_to_string(format!("{}/acronyms.toml", data())).expect("the example spec");
    let long = text.replace("samples = 250 ", "samples = 10000 ");
    assert_ne!(text, long);
    fs::write(file("long.toml"), long).expect("a spec");
    fs::copy(format!("{}/acronyms.txt", data()), file("acronyms.txt")).expect("a dataset");

    let (_coordinator, url) = serve(&["--models", &data()]);
    let mut worker = worker(&url, &["--models", &data()]);
    worker.wait_for("registered with the coordinator");
    let spec = file("long.toml");
    // Whole grids in one tile, which takes seconds.
    let whole = ["--tile-prompts", "10000", "--tile-multiply-adds", "1000000000000"];
    let id = ask(&url, &[&["submit", spec.to_str().expect("a plain path")], whole.as_slice()].concat());
    // The baselines; then comes the first grid.
    worker.wait_for("tile computed");
    assert!(ask(&url, &["cancel", &id]).contains("cancelled"));
    let ended = worker.wait_for("tile cancelled");
    assert!(ended.contains(&id), "{ended}");

    let next = submit(&url, &FINE);
    let computed = worker.wait_for("tile computed");
    assert!(computed.contains(&next), "{computed}");
}

#[tokio::test]
async fn a_check_that_goes_on_is_of_the_weights_that_it_checks_over_a_restart_as_well() {
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = || Store::open(folder.path()).expect("it can be opened");
    let (store, recovered) = open();
    let served = Served::start(&tiny, store, recovered).await;
    let sweep = SweepId(served.submit(tiny.submission()).await.sweep_id);
    let mut worker = served.worker(1).await;
    worker.compute_one(&tiny).await;
    let cancel = |sweep_id: String| CancelSweepRequest { sweep_id };
    let mut client = served.client().await;
    let mut watch =
        client.watch_sweep(WatchSweepRequest { sweep_id: sweep.0.clone() }).await.expect("there").into_inner();
    let mut computed = Vec::new();
    let ended = async { while let Some(Ok(_)) = watch.next().await {} };
    tokio::select! {
        () = within("the end", ended) => {}
        () = worker.compute(&tiny, &mut computed) => panic!("the session ended"),
    }
    let check = CheckOf { sweep, cells: 3, seed: 1 };
    let submission = Submission { check_of: Some((&check).into()), always_new: true, ..Submission::default() };
    let id = served.submit(submission).await.sweep_id;
    let wanted = model().0.to_vec();
    assert_eq!(worker.grant().await.model_digest, wanted);
    client.cancel_sweep(cancel(id.clone())).await.expect("it runs");
    drop(worker);
    client.resume_sweep(ResumeSweepRequest { sweep_id: id.clone() }).await.expect("it lacks scores");
    assert_eq!(served.worker(1).await.grant().await.model_digest, wanted, "resumed");
    served.stop().await;

    let (store, recovered) = open();
    let served = Served::start(&tiny, store, recovered).await;
    assert_eq!(served.worker(1).await.grant().await.model_digest, wanted, "after a restart");
    let mut client = served.client().await;
    client.cancel_sweep(cancel(id.clone())).await.expect("it runs");
    client.resume_sweep(ResumeSweepRequest { sweep_id: id }).await.expect("it lacks scores");
    assert_eq!(served.worker(1).await.grant().await.model_digest, wanted, "resumed after a restart");
    served.stop().await;
}
