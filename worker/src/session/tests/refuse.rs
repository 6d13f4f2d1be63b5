//! Refusals, and what is tried again.

use std::time::Duration;

use patchsweep_core::digest::Digest;
use patchsweep_proto::v1::{self, FailureKind, coordinator_message, tile_result};
use tonic::Status;

use super::{SEED, Stage, lease, soon};
use crate::engine::EngineError;
use crate::session::SessionError;
use crate::session::backoff::Backoff;
use patchsweep_link::fixtures::lease as wire;

fn failure(result: v1::TileResult) -> v1::TileFailure {
    match result.outcome {
        Some(tile_result::Outcome::Failure(failure)) => failure,
        other => panic!("not a failure: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_final() {
    let refusals: [fn(&str) -> Status; 4] = [
        |reason| Status::failed_precondition(reason),
        |reason| Status::invalid_argument(reason),
        |reason| Status::permission_denied(reason),
        |reason| Status::unauthenticated(reason),
    ];
    for refusal in refusals {
        let stage = Stage::set();
        stage.coordinator.plan(|plan| plan.refusals.push_back(refusal("no,\nthanks")));
        let error = stage.ended().await.expect_err("refused");
        assert_eq!(error.to_string(), "the coordinator refused this worker: no, thanks");
    }
}

#[tokio::test(start_paused = true)]
async fn everything_else_is_tried_again_after_pauses_that_the_seed_decides() {
    let mut stage = Stage::set();
    stage.coordinator.plan(|plan| {
        let others =
            [Status::unavailable(""), Status::unknown(""), Status::internal(""), Status::resource_exhausted("")];
        plan.refusals.extend(others);
    });
    stage.coordinator.session().await;
    let dialled = stage.coordinator.plan(|plan| plan.dialled.clone());
    let pauses: Vec<Duration> = dialled.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut backoff = Backoff::new(SEED);
    assert_eq!(pauses.len(), 4);
    for pause in pauses {
        // Timers tick in whole milliseconds.
        let off = pause.abs_diff(backoff.next());
        assert!(off <= Duration::from_millis(2), "{off:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_accepts_and_says_nothing_is_tried_again() {
    let mut stage = Stage::set();
    let silent = stage.coordinator.session().await;
    let mut peer = stage.coordinator.session().await;
    drop(silent);
    peer.register().await;
}

#[tokio::test(start_paused = true)]
async fn more_grants_than_the_credit_end_the_session() {
    let (mut stage, peer) = Stage::with_two_leases().await;
    peer.grant(2).await;
    let mut next = stage.coordinator.session().await;
    assert_eq!(next.register().await.held, [wire(0), wire(1)]);
    let error = SessionError::TooManyGrants { credit: 2 };
    assert_eq!(error.to_string(), "the coordinator granted more leases than the 2 that this worker takes at once");
    assert!(!error.is_permanent());
}

#[tokio::test(start_paused = true)]
async fn a_tile_of_another_model_is_failed_as_such() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    let error = EngineError::OtherModel { folder: "m".into(), found: Digest([1; 32]), wanted: Digest([2; 32]) };
    stage.hand.end(0, Err(error)).await;
    let result = peer.result().await;
    assert_eq!(result.model_digest, [1; 32]);
    let failure = failure(result);
    assert_eq!(failure.kind(), FailureKind::OtherModel);
    assert!(failure.reason.contains("copy the model folder"), "{}", failure.reason);
    assert_eq!(stage.hand.begun().await, lease(1));
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_cannot_be_read_fails_its_tile_and_nothing_else() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.revoke(1).await;
    peer.released().await;
    let grant = v1::Grant { lease: Some(wire(3)), ..v1::Grant::default() };
    peer.say(coordinator_message::Message::Grant(grant)).await;
    let result = soon(peer.result()).await;
    assert_eq!(result.lease, Some(wire(3)));
    assert_eq!(failure(result).kind(), FailureKind::Attempt);
    stage.hand.finish(0).await;
    assert_eq!(peer.result().await.lease, Some(wire(0)));
    assert!(stage.hand.nothing_cancelled());
}
