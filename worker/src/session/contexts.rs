//! Sweeps' contexts, fetched once by digest.

use std::collections::VecDeque;
use std::sync::Arc;

use patchsweep_proto::chunk::{Joiner, MAX_TOTAL_BYTES};
use patchsweep_proto::context::SweepContext;
use patchsweep_proto::dial::Connection;
use patchsweep_proto::digest::Digest;
use patchsweep_proto::v1::FetchContextRequest;
use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use patchsweep_proto::wire::{WireError, decode_context};

use super::SessionError;

/// Contexts kept: workers serve few sweeps at a time.
const KEPT: usize = 4;

/// The contexts fetched last.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    kept: VecDeque<(Digest, Arc<SweepContext>)>,
}

impl Contexts {
    /// The context of that digest, fetched if it is not here.
    pub(super) async fn get(
        &mut self,
        client: &mut WorkerServiceClient<Connection>,
        digest: Digest,
    ) -> Result<Arc<SweepContext>, SessionError> {
        if let Some((_, context)) = self.kept.iter().find(|(kept, _)| *kept == digest) {
            return Ok(Arc::clone(context));
        }
        let context = Arc::new(fetch(client, digest).await?);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((digest, Arc::clone(&context)));
        Ok(context)
    }
}

async fn fetch(client: &mut WorkerServiceClient<Connection>, digest: Digest) -> Result<SweepContext, SessionError> {
    let request = FetchContextRequest { context_digest: digest.0.to_vec() };
    let mut chunks = client.fetch_context(request).await?.into_inner();
    let mut joiner = Joiner::new(MAX_TOTAL_BYTES);
    while let Some(chunk) = chunks.message().await? {
        joiner.push(&chunk.data)?;
    }
    let bytes = joiner.finish();
    if Digest::of(&bytes) != digest {
        let reason = format!("its digest is not {}", digest.short());
        return Err(WireError::Invalid { message: "ContextChunk", field: "data", reason }.into());
    }
    tracing::debug!(context = %digest.short(), bytes = bytes.len(), "context fetched");
    Ok(decode_context(&bytes)?)
}
