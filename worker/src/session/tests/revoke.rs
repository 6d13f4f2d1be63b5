//! Leases that the coordinator takes back.

use super::{Stage, lease};
use crate::engine::EngineError;
use patchsweep_link::fixtures::lease as wire;

#[tokio::test(start_paused = true)]
async fn a_waiting_tile_is_dropped() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.revoke(1).await;
    assert_eq!(peer.released().await, Some(wire(1)));
    stage.hand.finish(0).await;
    peer.result().await;
    peer.grant(2).await;
    assert_eq!(stage.hand.begun().await, lease(2), "the revoked one is not computed");
    assert!(stage.hand.nothing_cancelled());
}

#[tokio::test(start_paused = true)]
async fn the_tile_in_hand_is_cancelled_and_its_place_is_free_when_it_has_ended() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.revoke(0).await;
    peer.revoke(0).await;
    assert_eq!(stage.hand.cancelled().await, lease(0));
    stage.hand.end(0, Err(EngineError::Cancelled)).await;
    assert_eq!(peer.released().await, Some(wire(0)), "not a failure");
    assert_eq!(stage.hand.begun().await, lease(1));
}

#[tokio::test(start_paused = true)]
async fn a_tile_that_fails_after_its_revocation_is_no_failure() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.revoke(0).await;
    assert_eq!(stage.hand.cancelled().await, lease(0));
    stage.hand.end(0, Err(EngineError::OnePromptTooLarge)).await;
    assert_eq!(peer.released().await, Some(wire(0)));
}

#[tokio::test(start_paused = true)]
async fn scores_that_were_there_before_the_revocation_are_sent() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.revoke(0).await;
    assert_eq!(stage.hand.cancelled().await, lease(0));
    stage.hand.finish(0).await;
    assert_eq!(peer.result().await.lease, Some(wire(0)));
    // The coordinator has no use for it.
    peer.revoke(0).await;
    assert_eq!(peer.released().await, Some(wire(0)));
    peer.break_off().await;
    let mut peer = stage.coordinator.session().await;
    assert_eq!(peer.register().await.held, [wire(1)]);
}

#[tokio::test(start_paused = true)]
async fn leases_of_a_sweep_that_has_gone_are_released() {
    let mut stage = Stage::set();
    stage.coordinator.plan(|plan| plan.knows_no_context = true);
    let mut peer = stage.coordinator.session().await;
    peer.register().await;
    peer.welcome(1).await;
    peer.grant(0).await;
    assert_eq!(peer.released().await, Some(wire(0)));
    assert!(stage.hand.nothing_begun());
}
