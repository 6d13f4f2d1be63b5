//! The last tile of a sweep, in the hands of a worker that takes long.

use patchsweep_proto::v1::worker_message::Message as FromWorker;
use patchsweep_proto::v1::{Grant, Released};
use patchsweep_tests::scripted::ScriptedWorker;

use super::stage::Stage;

/// Two workers at one tile: first the one that had it, then the one that was idle.
async fn twice(stage: &Stage) -> [(ScriptedWorker, Grant); 2] {
    let mut late = stage.served.named_worker("late:1", 1).await;
    let mut idle = stage.served.named_worker("idle:2", 1).await;
    stage.submitted(&[]).await;
    let first = late.grant().await;
    for _ in 1..stage.tiles() {
        let grant = idle.grant().await;
        idle.report(&stage.tiny, &grant).await;
        idle.acknowledged(grant.lease.as_ref()).await;
    }
    let second = idle.grant().await;
    let attempt = |grant: &Grant| grant.lease.as_ref().map(|lease| (lease.tile_id, lease.attempt));
    assert_eq!(attempt(&second), attempt(&first).map(|(tile, attempt)| (tile, attempt + 1)));
    [(late, first), (idle, second)]
}

/// The first result wins, from either worker; the other worker need not go on.
async fn settle(stage: &Stage, winner: (ScriptedWorker, Grant), loser: (ScriptedWorker, Grant)) {
    let ((mut winner, won), (mut loser, lost)) = (winner, loser);
    winner.report(&stage.tiny, &won).await;
    loser.revoked(lost.lease.as_ref()).await;
    loser.say(FromWorker::Released(Released { lease: lost.lease })).await;
    winner.acknowledged(won.lease.as_ref()).await;
    let sweeps = stage.served.patchsweep(&["list"]).await;
    let id = sweeps.out.lines().nth(1).and_then(|row| row.split_whitespace().next()).expect("its row");
    let output = stage.served.patchsweep(&["watch", id]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    stage.assert_whole(id).await;
    assert!(stage.failures(id).is_empty(), "being late is no failure");
}

#[tokio::test]
async fn a_late_tile_is_computed_again_and_the_second_worker_may_be_first() {
    let stage = Stage::new().await;
    let [late, idle] = twice(&stage).await;
    settle(&stage, idle, late).await;
    stage.served.stop().await;
}

#[tokio::test]
async fn a_late_tile_is_computed_again_and_the_first_worker_may_be_first() {
    let stage = Stage::new().await;
    let [late, idle] = twice(&stage).await;
    settle(&stage, late, idle).await;
    stage.served.stop().await;
}
