//! Sweeps' contexts, fetched once by digest.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::trace::{TRACEPARENT, TraceContext};
use patchsweep_proto::chunk::{Joiner, MAX_TOTAL_BYTES};
use patchsweep_proto::v1::FetchContextRequest;
use patchsweep_proto::wire::{WireError, decode_context};
use tokio::time::timeout;
use tonic::{Request, Status};
use tracing::Instrument;

use super::SessionError;
use super::dial::Client;
use super::spans::LeaseSpan;

/// Contexts kept: workers serve few sweeps at a time.
const KEPT: usize = 4;

/// How long the next chunk may take.
const CHUNK: Duration = Duration::from_secs(30);

/// The contexts used last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    kept: VecDeque<(Digest, Arc<SweepContext>)>,
}

impl Contexts {
    /// The context of that digest, if it is here.
    pub(super) fn get(&mut self, digest: Digest) -> Option<Arc<SweepContext>> {
        let place = self.kept.iter().position(|(kept, _)| *kept == digest)?;
        let used = self.kept.remove(place)?;
        let context = Arc::clone(&used.1);
        self.kept.push_back(used);
        Some(context)
    }

    pub(super) fn keep(&mut self, digest: Digest, context: SweepContext) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((digest, Arc::new(context)));
    }
}

/// A context, or why it is not there.
pub(super) type Fetched = Result<SweepContext, SessionError>;

type Fetch = Pin<Box<dyn Future<Output = Fetched> + Send>>;

/// At most one context on its way, beside everything else that a session does.
#[derive(Default)]
pub(super) struct Fetching(Option<(Digest, Fetch)>);

impl Fetching {
    /// Starts, unless one is on its way.
    ///
    /// `needed_by`: the tile that waits for it.
    pub(super) fn start(&mut self, client: &Client, digest: Digest, needed_by: LeaseSpan) {
        let LeaseSpan { trace, span } = needed_by;
        self.0.get_or_insert_with(|| (digest, Box::pin(fetch(client.clone(), digest, trace).instrument(span))));
    }

    /// The context, when it has come; waits for ever when none is on its way. Cancel-safe.
    pub(super) async fn fetched(&mut self) -> (Digest, Fetched) {
        let Some((digest, fetch)) = &mut self.0 else { return pending().await };
        let (digest, fetched) = (*digest, fetch.as_mut().await);
        self.0 = None;
        (digest, fetched)
    }
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fetching").field(&self.0.as_ref().map(|(digest, _)| digest)).finish()
    }
}

async fn fetch(mut client: Client, digest: Digest, trace: TraceContext) -> Fetched {
    let late = |_| Status::deadline_exceeded("the sweep's context did not come");
    let mut request = Request::new(FetchContextRequest { context_digest: digest.0.to_vec() });
    if let Ok(traceparent) = trace.to_string().parse() {
        request.metadata_mut().insert(TRACEPARENT, traceparent);
    }
    let response = timeout(CHUNK, client.fetch_context(request)).await.map_err(late)?;
    let mut chunks = response?.into_inner();
    let mut joiner = Joiner::new(MAX_TOTAL_BYTES);
    while let Some(chunk) = timeout(CHUNK, chunks.message()).await.map_err(late)?? {
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
