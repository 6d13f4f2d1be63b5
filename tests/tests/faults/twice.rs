//! Every request and every message of a session, made once and made twice: an answer that was lost is asked for again, and
//! nothing may come of it. A request that was lost is one that was made once.

use std::fs;

use patchsweep_core::tile::Tile as PlannedTile;
use patchsweep_plan::Plan;
use patchsweep_proto::v1::worker_message::Message as FromWorker;
use patchsweep_proto::v1::*;
use patchsweep_proto::wire::decode_results;
use patchsweep_serve::merge::refuse_scores;
use patchsweep_serve::state::Store;
use patchsweep_tests::asked::{Client, fetch, status, wait_for};
use patchsweep_tests::scripted::{ScriptedWorker, Served, tile_of, within};
use patchsweep_tests::simulation::{made_up_scores, model};
use patchsweep_tests::tiny::{MODELS, TILE_MULTIPLY_ADDS, Tiny, bits, expected};
use tokio_stream::StreamExt;
use tonic::Code;

/// Computes all that is granted until the sweep has ended; gives how it ended and what was granted.
async fn compute(worker: &mut ScriptedWorker, tiny: &Tiny, client: &Client, id: &str) -> (SweepStatus, Vec<Lease>) {
    let mut client = client.clone();
    let mut granted = Vec::new();
    let status = tokio::select! {
        status = wait_for(&mut client, id, |status| status.state() != SweepState::Running) => status,
        () = worker.compute(tiny, &mut granted) => panic!("the session ended"),
    };
    (status, granted)
}

#[tokio::test]
async fn submitting_twice_makes_one_sweep() {
    let tiny = Tiny::new();
    let served = Served::in_memory(&tiny).await;
    let mut client = served.client().await;
    let first = served.submit(tiny.submission()).await;
    let again = served.submit(tiny.submission()).await;
    assert_eq!((first.created, again.created), (true, false));
    assert_eq!(first.sweep_id, again.sweep_id);
    let sweeps = client.list_sweeps(ListSweepsRequest {}).await.expect("a list").into_inner().sweeps;
    assert_eq!(sweeps.len(), 1);
    served.stop().await;
}

#[tokio::test]
async fn cancelling_and_resuming_twice_is_done_once() {
    let tiny = Tiny::new();
    let served = Served::in_memory(&tiny).await;
    let mut client = served.client().await;
    let id = served.submit(tiny.submission()).await.sweep_id;
    let cancel = CancelSweepRequest { sweep_id: id.clone() };
    for _ in 0..2 {
        let cancelled = client.cancel_sweep(cancel.clone()).await.expect("it is known").into_inner();
        assert_eq!(cancelled.state(), SweepState::Cancelled);
    }
    let resume = ResumeSweepRequest { sweep_id: id.clone() };
    let resumed = client.resume_sweep(resume.clone()).await.expect("it is cancelled").into_inner();
    assert_eq!(resumed.state(), SweepState::Running);
    let again = client.resume_sweep(resume).await.expect_err("it runs");
    assert_eq!(again.code(), Code::FailedPrecondition);
    let mut worker = served.worker(2).await;
    let (ended, _) = compute(&mut worker, &tiny, &client, &id).await;
    assert_eq!(ended.state(), SweepState::Done);
    served.stop().await;
}

#[tokio::test]
async fn removing_twice_is_removing_once_and_the_sweep_can_be_submitted_anew() {
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = || Store::open(folder.path()).expect("it can be opened");
    let (store, recovered) = open();
    let served = Served::start(&tiny, store, recovered).await;
    let mut client = served.client().await;
    let id = served.submit(tiny.submission()).await.sweep_id;
    let mut worker = served.worker(1).await;
    let held = worker.grant().await;
    client.cancel_sweep(CancelSweepRequest { sweep_id: id.clone() }).await.expect("it runs");
    let remove = RemoveSweepRequest { sweep_id: id.clone() };
    let removed = client.remove_sweep(remove.clone()).await.expect("it has ended").into_inner().sweeps;
    assert_eq!(
        (removed.len(), removed[0].sweep_id.as_str(), removed[0].state()),
        (1, id.as_str(), SweepState::Cancelled)
    );
    let again = client.remove_sweep(remove).await.expect_err("it is gone");
    assert_eq!(again.code(), Code::NotFound);

    // The scores of a lease of the old sweep are none of the new one's.
    let anew = served.submit(tiny.submission()).await;
    assert!(anew.created && anew.sweep_id != id, "{anew:?}");
    worker.report(&tiny, &held).await;
    worker.acknowledged(held.lease.as_ref()).await;
    assert_eq!(status(&mut client, &anew.sweep_id).await.tiles_done, 0);
    let (ended, _) = compute(&mut worker, &tiny, &client, &anew.sweep_id).await;
    assert_eq!(ended.state(), SweepState::Done);
    assert_eq!(
        bits(&decode_results(&fetch(&mut client, &anew.sweep_id).await).expect("results")),
        bits(&tiny.expected())
    );
    served.stop().await;

    let (store, recovered) = open();
    let ids: Vec<&str> = recovered.sweeps.iter().map(|sweep| sweep.status.sweep.0.as_str()).collect();
    assert_eq!(ids, [anew.sweep_id.as_str()]);
    drop(store);
}

/// A cut in which some tile has other cells than in the first one, and as many scores; and the number of that tile.
fn another_cut(tiny: &Tiny) -> (Submission, Plan, u32) {
    for multiply_adds in (TILE_MULTIPLY_ADDS / 8..TILE_MULTIPLY_ADDS * 4).step_by(500) {
        for tile_prompts in 1..=4 {
            let (submission, plan) =
                tiny.cut(PlanOptions { tile_multiply_adds: multiply_adds, tile_prompts, for_gpus: false });
            let differs = |(ours, theirs): &(&PlannedTile, &PlannedTile)| {
                let scores = made_up_scores(ours, plan.context.metrics.len());
                (&ours.work, &ours.prompts) != (&theirs.work, &theirs.prompts)
                    && refuse_scores(&plan, theirs.id, &scores).is_ok()
            };
            if let Some((tile, _)) = tiny.plan().tiles.iter().zip(&plan.tiles).find(differs) {
                let tile = tile.id.0;
                return (submission, plan, tile);
            }
        }
    }
    panic!("all cuts are alike");
}

#[tokio::test]
async fn a_lease_of_a_removed_sweep_is_none_of_the_one_that_gets_its_name_after_a_restart() {
    let tiny = Tiny::new();
    let (submission, plan, tile) = another_cut(&tiny);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = || Store::open(folder.path()).expect("it can be opened");
    let (store, recovered) = open();
    let served = Served::start(&tiny, store, recovered).await;
    let mut client = served.client().await;
    let id = served.submit(tiny.submission()).await.sweep_id;
    let mut worker = served.worker(64).await;
    let mut held = worker.grant().await;
    while tile_of(&held) != tile {
        held = worker.grant().await;
    }
    let coordinator = worker.welcome.coordinator_id.clone();
    client.cancel_sweep(CancelSweepRequest { sweep_id: id.clone() }).await.expect("it runs");
    client.remove_sweep(RemoveSweepRequest { sweep_id: id.clone() }).await.expect("it has ended");
    served.stop().await;
    drop(worker);

    let (store, recovered) = open();
    let served = Served::start(&tiny, store, recovered).await;
    let mut client = served.client().await;
    let anew = served.submit(submission).await;
    assert_eq!((anew.created, anew.sweep_id.as_str()), (true, id.as_str()), "names are given again in another life");
    let lease = held.lease.clone();
    let mut worker = served.returning_worker(1, lease.clone().into_iter().collect(), coordinator).await.expect("taken");
    worker.revoked(lease.as_ref()).await;
    // It was computed before the revocation came.
    worker.report(&tiny, &held).await;
    worker.acknowledged(lease.as_ref()).await;
    let status = status(&mut client, &id).await;
    assert_eq!((status.tiles_done, status.results_dropped), (0, 0), "it says nothing of this sweep");

    let (ended, granted) = compute(&mut worker, &tiny, &client, &id).await;
    assert_eq!((ended.state(), granted.len()), (SweepState::Done, plan.tiles.len()));
    let results = decode_results(&fetch(&mut client, &id).await).expect("results");
    assert_eq!(bits(&results), bits(&expected(&plan)));
    served.stop().await;
}

#[tokio::test]
async fn a_sweep_of_a_model_that_has_changed_is_another_one() {
    let tiny = Tiny::new();
    let served = Served::in_memory(&tiny).await;
    let client = served.client().await;
    let first = served.submit(tiny.submission()).await;
    let mut worker = served.worker(2).await;
    let (ended, _) = compute(&mut worker, &tiny, &client, &first.sweep_id).await;
    assert_eq!(ended.state(), SweepState::Done);
    let again = served.submit(tiny.submission()).await;
    let wanted = (false, first.sweep_id.as_str(), &model().0[..]);
    assert_eq!(
        (again.created, again.sweep_id.as_str(), &again.model_digest[..]),
        wanted,
        "and says what its scores are of"
    );
    // There are no weights in the coordinator's folder.
    let [warning] = again.warnings.as_slice() else { panic!("{:?}", again.warnings) };
    assert!(warning.contains(&model().to_hex()) && warning.contains("`--new`"), "{warning}");
    assert!(first.warnings.is_empty(), "{:?}", first.warnings);

    // A key that no plan shows: weights may be multiplied with what such a one says.
    let path = tiny.models().join(MODELS[0]).join("config.json");
    let config = fs::read_to_string(&path).expect("a config");
    fs::write(&path, config.replacen('{', r#"{"another": 1, "#, 1)).expect("written");
    let changed = served.submit(tiny.submission()).await;
    assert!(changed.created && changed.sweep_id != first.sweep_id && changed.model_digest.is_empty(), "{changed:?}");
    assert_eq!(served.submit(tiny.submission()).await.sweep_id, changed.sweep_id);
    fs::write(&path, config).expect("written");
    assert_eq!(served.submit(tiny.submission()).await.sweep_id, first.sweep_id);
    served.stop().await;
}

#[tokio::test]
async fn reading_twice_gives_the_same_twice() {
    let tiny = Tiny::new();
    let served = Served::in_memory(&tiny).await;
    let mut client = served.client().await;
    let id = served.submit(tiny.submission()).await.sweep_id;
    let mut worker = served.worker(2).await;

    let grant = worker.grant().await;
    let mut contexts = Vec::new();
    for _ in 0..2 {
        let request = FetchContextRequest { context_digest: grant.context_digest.clone() };
        let mut chunks = served.worker_rpc().await.fetch_context(request).await.expect("it runs").into_inner();
        contexts.push(within("the context", chunks.next()).await.expect("a chunk").expect("a chunk").data);
    }
    assert_eq!(contexts[0], contexts[1]);
    assert_eq!(status(&mut client, &id).await, status(&mut client, &id).await);
    let workers = async |mut client: Client| {
        let listed = client.list_workers(ListWorkersRequest {}).await.expect("a list").into_inner().workers;
        listed.into_iter().map(|worker| (worker.worker_id, worker.leases)).collect::<Vec<_>>()
    };
    assert_eq!(workers(client.clone()).await, workers(client.clone()).await);

    worker.report(&tiny, &grant).await;
    compute(&mut worker, &tiny, &client, &id).await;
    let fetched = [fetch(&mut client, &id).await, fetch(&mut client, &id).await];
    assert_eq!(fetched[0], fetched[1]);
    assert_eq!(bits(&decode_results(&fetched[0]).expect("results")), bits(&tiny.expected()));
    served.stop().await;
}

#[tokio::test]
async fn a_result_that_comes_twice_is_merged_once() {
    let tiny = Tiny::new();
    let served = Served::in_memory(&tiny).await;
    let mut client = served.client().await;
    let id = served.submit(tiny.submission()).await.sweep_id;
    let mut worker = served.worker(1).await;
    let grant = worker.grant().await;
    for _ in 0..2 {
        worker.report(&tiny, &grant).await;
        worker.acknowledged(grant.lease.as_ref()).await;
    }
    let status = wait_for(&mut client, &id, |status| status.results_dropped > 0 && status.tiles_done > 0).await;
    assert_eq!((status.results_dropped, status.tiles_done), (1, 1));
    served.stop().await;
}

#[tokio::test]
async fn released_heartbeats_and_farewells_sent_twice_change_nothing() {
    let tiny = Tiny::new();
    let served = Served::in_memory(&tiny).await;
    let client = served.client().await;
    let id = served.submit(tiny.submission()).await.sweep_id;
    let mut worker = served.worker(1).await;
    let grant = worker.grant().await;
    let going = GoingAway { reason: "tested".to_owned(), finishing: grant.lease.clone().into_iter().collect() };
    for _ in 0..2 {
        worker.say(FromWorker::Heartbeat(Heartbeat::default())).await;
        worker
            .say(FromWorker::Released(Released {
                lease: Some(Lease { attempt: 99, ..grant.lease.clone().expect("a lease") }),
            }))
            .await;
        worker.say(FromWorker::GoingAway(going.clone())).await;
    }
    worker.report(&tiny, &grant).await;
    worker.acknowledged(grant.lease.as_ref()).await;
    let mut other = served.worker(2).await;
    let (ended, _) = compute(&mut other, &tiny, &client, &id).await;
    assert_eq!((ended.state(), ended.results_dropped), (SweepState::Done, 0));
    served.stop().await;
}

#[tokio::test]
async fn draining_twice_is_draining_once() {
    let tiny = Tiny::new();
    let served = Served::in_memory(&tiny).await;
    let mut client = served.client().await;
    let mut worker = served.worker(1).await;
    let request = DrainWorkerRequest { worker_id: worker.welcome.worker_id };
    for _ in 0..2 {
        client.drain_worker(request).await.expect("it is connected");
    }
    assert!(matches!(worker.next().await, Some(coordinator_message::Message::Drain(_))));
    let workers = client.list_workers(ListWorkersRequest {}).await.expect("a list").into_inner().workers;
    assert_eq!(workers[0].state(), WorkerState::Leaving);
    let unknown = client.drain_worker(DrainWorkerRequest { worker_id: 77 }).await.expect_err("there is none");
    assert_eq!(unknown.code(), Code::NotFound);
    served.stop().await;
}

#[tokio::test]
async fn a_worker_that_registers_again_keeps_its_lease_and_loses_it_to_nobody() {
    let tiny = Tiny::new();
    let served = Served::in_memory(&tiny).await;
    let mut client = served.client().await;
    let id = served.submit(tiny.submission()).await.sweep_id;
    let mut worker = served.worker(1).await;
    let grant = worker.grant().await;
    let coordinator = worker.welcome.coordinator_id.clone();
    // The first session is still open, as over a connection that broke on one side only.
    for _ in 0..2 {
        let held = grant.lease.clone().into_iter().collect();
        worker = served.returning_worker(1, held, coordinator.clone()).await.expect("it is taken");
    }
    worker.report(&tiny, &grant).await;
    worker.acknowledged(grant.lease.as_ref()).await;
    let status = wait_for(&mut client, &id, |status| status.tiles_done == 1).await;
    assert_eq!(status.results_dropped, 0);
    served.stop().await;
}

#[tokio::test]
async fn a_result_whose_acknowledgement_was_lost_is_not_computed_again_after_a_restart() {
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = || Store::open(folder.path()).expect("it can be opened");
    let (served, reported) = Served::restarted_after_a_result(&tiny, open).await;
    let mut worker = reported.once_more(&served, &tiny).await;
    let (ended, granted) = compute(&mut worker, &tiny, &served.client().await, &reported.sweep_id).await;
    assert_eq!(ended.state(), SweepState::Done);
    let tiles: Vec<u32> = granted.iter().map(|lease| lease.tile_id).collect();
    assert!(!tiles.contains(&tile_of(&reported.grant)), "{tiles:?}");
    assert_eq!(tiles.len() + 1, tiny.plan().tiles.len());
    served.stop().await;
}
