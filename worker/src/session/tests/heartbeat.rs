//! What a worker says of itself while nothing else happens.

use patchsweep_proto::scores::{CacheStats, MemoryUse};

use super::computer::VITALS;
use super::{Stage, coordinator};

#[tokio::test(start_paused = true)]
async fn a_heartbeat_tells_what_the_worker_takes_and_has_in_hand() {
    let mut stage = Stage::set();
    let mut peer = stage.coordinator.session().await;
    peer.register().await;
    peer.welcome(1).await;
    let first = peer.heartbeat().await;
    assert_eq!((first.memory.map(MemoryUse::from), first.in_hand), (Some(VITALS.memory), None));
    assert_eq!(first.memory_retries, 0, "of no tile");

    peer.grant(0).await;
    stage.hand.begun().await;
    let busy = peer.heartbeat().await;
    assert_eq!(busy.cache.map(CacheStats::from), Some(VITALS.cache));
    assert_eq!((busy.in_hand, busy.memory_retries), (Some(coordinator::lease(0)), VITALS.memory_retries));

    stage.hand.finish(0).await;
    peer.result().await;
    let idle = peer.heartbeat().await;
    assert_eq!((idle.in_hand, idle.memory_retries), (None, 0));
}
