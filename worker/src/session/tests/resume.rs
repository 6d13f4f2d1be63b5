//! Broken sessions.

use patchsweep_proto::v1::{self, tile_result};

use super::computer::tile_score;
use super::{Stage, lease};
use patchsweep_link::fixtures::lease as wire;

fn score(result: &v1::TileResult) -> f64 {
    match &result.outcome {
        Some(tile_result::Outcome::Scores(scores)) => scores.value_mean[0],
        other => panic!("no scores: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_was_not_acknowledged_is_sent_again_and_not_computed_again() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    stage.hand.finish(0).await;
    let first = peer.result().await;
    assert_eq!(first.lease, Some(wire(0)));
    peer.break_off().await;

    let mut peer = stage.coordinator.session().await;
    let register = peer.register().await;
    assert_eq!((register.held, register.coordinator_id), (vec![wire(0), wire(1)], vec![1; 16]));
    peer.welcome(1).await;
    let again = peer.result().await;
    assert_eq!(again, first);
    peer.acknowledge(0).await;

    assert_eq!(stage.hand.begun().await, lease(1), "the waiting tile went on, and the first is not computed again");
    stage.hand.finish(1).await;
    let second = peer.result().await;
    assert_eq!((second.lease.clone(), score(&second)), (Some(wire(1)), f64::from(tile_score(1))));
    assert!(stage.hand.nothing_begun() && stage.hand.nothing_cancelled());
    assert_eq!(stage.coordinator.plan(|plan| plan.fetched), 1, "contexts are kept");
}

#[tokio::test(start_paused = true)]
async fn the_tile_in_hand_and_those_behind_it_are_computed_while_nobody_answers() {
    let (mut stage, peer) = Stage::with_two_leases().await;
    stage.coordinator.plan(|plan| plan.is_down = true);
    peer.break_off().await;
    stage.hand.finish(0).await;
    assert_eq!(stage.hand.begun().await, lease(1));
    stage.hand.finish(1).await;
    stage.coordinator.plan(|plan| plan.is_down = false);

    let mut peer = stage.coordinator.session().await;
    assert_eq!(peer.register().await.held, [wire(0), wire(1)]);
    peer.welcome(1).await;
    for tile in [0, 1] {
        let result = peer.result().await;
        assert_eq!((result.lease.clone(), score(&result)), (Some(wire(tile)), f64::from(tile_score(tile))));
    }
}

#[tokio::test(start_paused = true)]
async fn another_coordinators_leases_are_dropped() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    stage.hand.finish(0).await;
    peer.result().await;
    assert_eq!(stage.hand.begun().await, lease(1));
    peer.break_off().await;

    let mut peer = stage.coordinator.session().await;
    assert_eq!(peer.register().await.held, [wire(0), wire(1)]);
    peer.welcome(2).await;
    assert_eq!(stage.hand.cancelled().await, lease(1));
    // The computer takes its time; the new coordinator's tiles wait for it.
    peer.grant(5).await;
    peer.grant(6).await;
    stage.hand.finish(1).await;
    assert_eq!(stage.hand.begun().await, lease(5));
    stage.hand.finish(5).await;
    assert_eq!(peer.result().await.lease, Some(wire(5)), "nothing of the other coordinator's is sent");
    peer.break_off().await;
    let mut peer = stage.coordinator.session().await;
    assert_eq!(peer.register().await.coordinator_id, [2; 16]);
}

#[tokio::test(start_paused = true)]
async fn what_was_revoked_before_the_session_broke_is_not_held() {
    let (mut stage, peer) = Stage::with_two_leases().await;
    peer.revoke(0).await;
    assert_eq!(stage.hand.cancelled().await, lease(0));
    peer.break_off().await;
    let mut peer = stage.coordinator.session().await;
    assert_eq!(peer.register().await.held, [wire(1)]);
    peer.welcome(1).await;
    stage.hand.finish(0).await;
    assert_eq!(stage.hand.begun().await, lease(1));
    stage.hand.finish(1).await;
    assert_eq!(peer.result().await.lease, Some(wire(1)));
}

#[tokio::test(start_paused = true)]
async fn at_most_the_credit_is_held_over() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    stage.hand.finish(0).await;
    peer.result().await;
    assert_eq!(stage.hand.begun().await, lease(1));
    // The place of a result is free for the coordinator before the result is acknowledged.
    peer.grant(2).await;
    peer.grant(2).await;
    peer.is_heard().await;
    peer.break_off().await;
    let mut peer = stage.coordinator.session().await;
    assert_eq!(peer.register().await.held, [wire(0), wire(1)], "the youngest goes");
}

#[tokio::test(start_paused = true)]
async fn unacknowledged_results_do_not_pile_up() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    stage.hand.finish(0).await;
    peer.result().await;
    peer.grant(2).await;
    assert_eq!(stage.hand.begun().await, lease(1));
    stage.hand.finish(1).await;
    peer.result().await;
    peer.is_heard().await;
    assert!(stage.hand.nothing_begun(), "with two results that may be lost, the worker waits");
    peer.acknowledge(0).await;
    assert_eq!(stage.hand.begun().await, lease(2));
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_twice_changes_nothing() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    for _ in 0..3 {
        peer.grant(0).await;
        peer.grant(1).await;
        peer.acknowledge(0).await;
        peer.acknowledge(8).await;
    }
    peer.is_heard().await;
    stage.hand.finish(0).await;
    assert_eq!(peer.result().await.lease, Some(wire(0)));
    peer.grant(0).await;
    for _ in 0..3 {
        peer.acknowledge(0).await;
    }
    assert_eq!(stage.hand.begun().await, lease(1));
    for _ in 0..2 {
        peer.revoke(7).await;
        assert_eq!(peer.released().await, Some(wire(7)));
    }
    stage.hand.finish(1).await;
    assert_eq!(peer.result().await.lease, Some(wire(1)));
    assert!(stage.hand.nothing_begun() && stage.hand.nothing_cancelled());
}
