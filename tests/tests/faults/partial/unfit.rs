//! Workers that have other weights than the sweep's first scores are of.

use patchsweep_core::digest::Digest;
use patchsweep_proto::v1::worker_message::Message as FromWorker;
use patchsweep_proto::v1::{FailureKind, GoingAway, TileResult};
use patchsweep_tests::scripted::{failure, result};
use patchsweep_tests::simulation::model;

use super::stage::{Stage, during, gets_nothing};

#[tokio::test]
async fn scores_of_another_model_are_never_merged_and_the_sweep_waits_for_the_right_one() {
    let stage = Stage::new().await;
    let mut fit = stage.served.named_worker("fit:1", 1).await;
    let id = stage.submitted(&[]).await;
    let grant = fit.grant().await;
    assert!(grant.model_digest.is_empty(), "the first scores decide");
    fit.report(&stage.tiny, &grant).await;
    fit.acknowledged(grant.lease.as_ref()).await;

    // One knows it itself, the other does not.
    let mut candid = stage.served.named_worker("candid:2", 1).await;
    let grant = candid.grant().await;
    assert_eq!(grant.model_digest, model().0);
    candid.say(FromWorker::Result(failure(&grant, FailureKind::OtherModel, "its weights are newer"))).await;
    candid.acknowledged(grant.lease.as_ref()).await;
    let mut unaware = stage.served.named_worker("unaware:3", 1).await;
    let grant = unaware.grant().await;
    let model_digest = Digest::of(b"another model").0.to_vec();
    unaware.say(FromWorker::Result(TileResult { model_digest, ..result(&stage.tiny, &grant) })).await;
    unaware.acknowledged(grant.lease.as_ref()).await;

    fit.say(FromWorker::GoingAway(GoingAway { reason: "tested".to_owned(), finishing: Vec::new() })).await;
    drop(fit);
    let status = stage.status(&id, |status| !status.reason.is_empty()).await;
    assert_eq!((status.tiles_done, status.tiles_failed), (1, 0));
    let output = stage.served.patchsweep(&["status", &id]).await;
    let waits = format!("{id} waits: for a worker with the sweep's weights; w2 has others: its weights are newer");
    assert!(output.out.contains(&waits), "{}", output.out);

    let others = async { tokio::join!(gets_nothing(&mut candid), gets_nothing(&mut unaware)) };
    let granted = during(others, Box::pin(stage.finish(&id))).await;
    assert_eq!(granted.len(), stage.tiles() - 1);
    stage.assert_whole(&id).await;
    assert!(stage.failures(&id).is_empty(), "no tile is to blame");
    stage.served.stop().await;
}
