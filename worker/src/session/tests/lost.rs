//! Workers whose device is lost to them.

use patchsweep_proto::v1::tile_result;

use super::{Stage, lease, soon};
use crate::engine::{DeviceLost, EngineError};
use crate::session::SessionError;
use patchsweep_link::fixtures::lease as wire;

fn lost() -> DeviceLost {
    DeviceLost { device: "cuda:0".into(), fault: "an illegal memory access was encountered".into() }
}

fn failure() -> EngineError {
    EngineError::DeviceLost { lost: lost(), source: Box::new(EngineError::Panicked { message: "CUDA error".into() }) }
}

#[tokio::test(start_paused = true)]
async fn the_tile_in_hand_fails_once_the_others_are_handed_back_and_the_worker_ends() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    stage.hand.end(0, Err(failure())).await;
    let result = peer.result().await;
    let Some(tile_result::Outcome::Failure(failure)) = result.outcome else { panic!("not a failure: {result:?}") };
    assert_eq!(result.lease, Some(wire(0)));
    assert_eq!(failure.reason, format!("{}: computing failed: CUDA error", lost()));
    assert_eq!(peer.going_away().await, [wire(0)], "only what has a result is not handed back");
    peer.grant(2).await;
    peer.acknowledge(0).await;
    assert!(peer.has_left().await);
    drop(peer);
    assert!(stage.hand.nothing_begun());
    let ended = stage.ended().await;
    assert!(matches!(&ended, Err(SessionError::DeviceLost(found)) if *found == lost()), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_revoked_tile_is_released_all_the_same() {
    let (mut stage, mut peer) = Stage::with_two_leases().await;
    peer.revoke(0).await;
    assert_eq!(stage.hand.cancelled().await, lease(0));
    stage.hand.end(0, Err(failure())).await;
    assert_eq!(peer.released().await, Some(wire(0)));
    assert_eq!(peer.going_away().await, []);
    assert!(peer.has_left().await);
    drop(peer);
    assert!(matches!(stage.ended().await, Err(SessionError::DeviceLost(_))));
}

#[tokio::test(start_paused = true)]
async fn without_a_session_it_ends_at_once() {
    let (stage, peer) = Stage::with_two_leases().await;
    stage.coordinator.plan(|plan| plan.is_down = true);
    peer.break_off().await;
    stage.hand.end(0, Err(failure())).await;
    let ended = soon(stage.ended()).await;
    assert!(matches!(ended, Err(SessionError::DeviceLost(_))), "{ended:?}");
}
