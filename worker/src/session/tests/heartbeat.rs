//! What a worker says of itself while nothing else happens.

use patchsweep_core::scores::{CacheStats, MemoryUse};

use patchsweep_link::fixtures;
use patchsweep_proto::v1;
use patchsweep_proto::wire::loaded_to_wire;

use super::Stage;
use super::computer::{LOADING, VITALS, model};

#[tokio::test(start_paused = true)]
async fn a_heartbeat_tells_what_the_worker_takes_and_has_in_hand() {
    let mut stage = Stage::set();
    let mut peer = stage.coordinator.session().await;
    let registered = peer.register().await;
    let loaded = Some(loaded_to_wire(&[model()]));
    assert_eq!(registered.loaded, loaded);
    peer.welcome(1).await;
    let first = peer.heartbeat().await;
    assert_eq!((first.memory.map(MemoryUse::from), first.in_hand), (Some(VITALS.memory), None));
    assert_eq!(first.loaded, loaded);
    assert_eq!(first.memory_retries, 0, "of no tile");

    peer.grant(0).await;
    stage.hand.begun().await;
    let busy = peer.heartbeat().await;
    assert_eq!(busy.cache.map(CacheStats::from), Some(VITALS.cache));
    assert_eq!((busy.in_hand, busy.memory_retries), (Some(fixtures::lease(0)), VITALS.memory_retries));

    stage.hand.finish(0).await;
    let v1::TileResult { loaded: behind, busy_seconds, loading_seconds, .. } = peer.result().await;
    assert_eq!((behind, busy_seconds, loading_seconds), (loaded, 1.0, LOADING.as_secs_f64()));
    let idle = peer.heartbeat().await;
    assert_eq!((idle.in_hand, idle.memory_retries), (None, 0));
}
