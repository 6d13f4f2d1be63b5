//! Workers that are asked to leave.

use patchsweep_proto::v1;

use super::{GRACE, Stage, lease, soon};
use patchsweep_link::fixtures::lease as wire;

#[tokio::test(start_paused = true)]
async fn the_tile_in_hand_is_finished_and_the_others_are_handed_back() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    stage.ask_to_leave();
    assert_eq!(peer.going_away().await, [wire(0)]);
    peer.grant(2).await;
    stage.hand.finish(0).await;
    assert_eq!(peer.result().await.lease, Some(wire(0)));
    peer.acknowledge(0).await;
    assert!(peer.has_left().await);
    drop(peer);
    assert!(stage.hand.nothing_begun() && stage.hand.nothing_cancelled());
    stage.ended().await.expect("it leaves in order");
}

#[tokio::test(start_paused = true)]
async fn a_worker_waits_until_its_results_are_acknowledged() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.revoke(1).await;
    peer.released().await;
    stage.hand.finish(0).await;
    peer.result().await;
    stage.ask_to_leave();
    assert_eq!(peer.going_away().await, [wire(0)]);
    assert!(!stage.worker.is_finished());
    peer.acknowledge(0).await;
    assert!(peer.has_left().await);
    drop(peer);
    stage.ended().await.expect("it leaves in order");
}

#[tokio::test(start_paused = true)]
async fn a_drained_worker_leaves_like_one_that_was_signalled() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.drain().await;
    assert_eq!(peer.going_away().await, [wire(0)]);
    peer.drain().await;
    // Asked twice: nothing changes.
    stage.ask_to_leave();
    stage.hand.finish(0).await;
    peer.result().await;
    peer.acknowledge(0).await;
    assert!(peer.has_left().await);
    drop(peer);
    stage.ended().await.expect("it leaves in order");
}

#[tokio::test(start_paused = true)]
async fn when_the_grace_period_ends_first_everything_is_handed_back() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    let asked = tokio::time::Instant::now();
    stage.ask_to_leave();
    assert_eq!(peer.going_away().await, [wire(0)]);
    assert_eq!(peer.going_away().await, Vec::<v1::Lease>::new());
    assert!(asked.elapsed() >= GRACE);
    assert_eq!(stage.hand.cancelled().await, lease(0));
    assert!(peer.has_left().await);
    drop(peer);
    stage.ended().await.expect("it leaves in order");
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_does_not_close_its_stream_delays_nobody() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.revoke(0).await;
    assert_eq!(stage.hand.cancelled().await, lease(0));
    stage.ask_to_leave();
    assert_eq!(peer.going_away().await, Vec::<v1::Lease>::new());
    stage.ended().await.expect("it leaves in order");
}

#[tokio::test(start_paused = true)]
async fn a_leaving_worker_does_not_come_back() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.drain().await;
    assert_eq!(peer.going_away().await, [wire(0)]);
    peer.break_off().await;
    assert_eq!(stage.hand.cancelled().await, lease(0));
    let dialled = stage.coordinator.plan(|plan| plan.dialled.len());
    stage.ended().await.expect("it leaves in order");
    assert_eq!(dialled, 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_session_a_worker_leaves_at_once() {
    let (mut stage, peer) = Stage::with_two_leases().await;
    stage.coordinator.plan(|plan| plan.is_down = true);
    peer.break_off().await;
    stage.ask_to_leave();
    assert_eq!(soon(stage.hand.cancelled()).await, lease(0));
    stage.ended().await.expect("it leaves in order");
}
