//! Finished sweeps' results, put together from what the journal holds.

use std::sync::Arc;

use patchsweep_proto::ids::SweepId;
use patchsweep_proto::wire::encode_results;
use tokio::sync::Semaphore;

use super::offload::Offload;
use super::status::RequestError;
use crate::state::Store;

/// Merges results, one sweep at a time: that is what bounds the memory.
#[derive(Clone, Debug)]
pub(super) struct ResultsDesk {
    store: Store,
    offload: Offload,
    free: Arc<Semaphore>,
}

impl ResultsDesk {
    pub(super) fn new(store: Store, offload: Offload) -> Self {
        Self { store, offload, free: Arc::new(Semaphore::new(1)) }
    }

    /// The encoded results of an ended sweep.
    pub(super) async fn fetch(&self, sweep: SweepId) -> Result<Vec<u8>, RequestError> {
        let _turn = self.free.acquire().await.map_err(|_| RequestError::ShuttingDown)?;
        let store = self.store.clone();
        let merged = self.offload.run(move || crate::results::merge_stored(&store, &sweep)).await;
        Ok(encode_results(&merged.ok_or(RequestError::MergingFailed)??))
    }
}
