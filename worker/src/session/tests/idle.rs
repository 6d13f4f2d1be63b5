//! Workers that leave when they have had nothing to compute for long enough.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Stage, lease, options};
use crate::session::WorkerOptions;
use patchsweep_link::fixtures::Peer;

const LIMIT: Duration = Duration::from_mins(10);

/// Between the events and what the test sees of them.
const SLACK: Duration = Duration::from_secs(1);

fn stage() -> Stage {
    Stage::set_with(WorkerOptions { leave_when_idle: Some(LIMIT), ..options() })
}

/// In its first session, and when that began.
async fn registered() -> (Stage, Peer, Instant) {
    let mut stage = stage();
    let mut peer = stage.coordinator.session().await;
    peer.register().await;
    peer.welcome(1).await;
    peer.is_heard().await;
    (stage, peer, Instant::now())
}

/// The worker leaves in order now.
async fn leaves(stage: Stage, mut peer: Peer) {
    assert_eq!(peer.going_away().await, []);
    assert!(peer.has_left().await);
    drop(peer);
    stage.ended().await.expect("it leaves in order");
}

/// What a peer waits for comes within two minutes, so the rest of a longer time passes before.
async fn almost(time: Duration) {
    sleep(time.saturating_sub(Duration::from_mins(1))).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_gets_nothing_leaves_when_its_time_is_over() {
    let (stage, peer, began) = registered().await;
    almost(LIMIT).await;
    assert!(!stage.worker.is_finished());
    leaves(stage, peer).await;
    assert!(began.elapsed() + SLACK >= LIMIT && began.elapsed() < 2 * LIMIT, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn computing_is_not_idle_and_the_time_begins_anew_behind_each_tile() {
    let (mut stage, mut peer, _) = registered().await;
    sleep(LIMIT / 2).await;
    peer.grant(0).await;
    assert_eq!(stage.hand.begun().await, lease(0));
    sleep(3 * LIMIT).await;
    stage.hand.finish(0).await;
    peer.result().await;
    peer.acknowledge(0).await;
    let finished = Instant::now();
    almost(LIMIT).await;
    assert!(!stage.worker.is_finished());
    leaves(stage, peer).await;
    assert!(finished.elapsed() + SLACK >= LIMIT, "{:?}", finished.elapsed());
}

#[tokio::test(start_paused = true)]
async fn before_its_first_session_a_worker_waits_for_its_coordinator_as_long_as_it_takes() {
    let mut stage = stage();
    stage.coordinator.plan(|plan| plan.is_down = true);
    sleep(10 * LIMIT).await;
    assert!(!stage.worker.is_finished());
    stage.coordinator.plan(|plan| plan.is_down = false);
    let mut peer = stage.coordinator.session().await;
    peer.register().await;
    peer.welcome(1).await;
    almost(LIMIT).await;
    leaves(stage, peer).await;
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_has_gone_is_not_waited_for_longer_than_that() {
    let (stage, peer, began) = registered().await;
    sleep(LIMIT / 2).await;
    stage.coordinator.plan(|plan| plan.is_down = true);
    peer.break_off().await;
    almost(LIMIT / 2).await;
    assert!(!stage.worker.is_finished());
    stage.ended().await.expect("it leaves");
    assert!(began.elapsed() >= LIMIT, "{:?}", began.elapsed());
}
