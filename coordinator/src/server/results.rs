//! Finished sweeps' results, put together from what the journal holds.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use patchsweep_proto::ids::SweepId;
use patchsweep_proto::results::SweepResults;
use patchsweep_proto::status::SweepState;
use patchsweep_proto::wire::encode_results;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Span;

use super::offload::Offload;
use super::status::RequestError;
use crate::manifest::{self, RunFacts, TileFacts, manifest};
use crate::merge::{MergeError, Merger, TileOutcome};
use crate::state::{StateError, Store, TileFailures};

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

    /// The encoded results of a sweep that is done or partial.
    ///
    /// `dropped`: results that came too late or twice. `span`: of the merging.
    pub(super) async fn fetch(&self, sweep: SweepId, dropped: u64, span: Span) -> Result<Vec<u8>, RequestError> {
        let _turn = self.free.acquire().await.map_err(|_| RequestError::ShuttingDown)?;
        let store = self.store.clone();
        let merged = self.offload.run(move || {
            let _merging = span.entered();
            let started = Instant::now();
            let results = merge_kept(&store, &sweep, dropped).map(encode_results);
            tracing::debug!(seconds = started.elapsed().as_secs_f64(), "results merged");
            results
        });
        merged.await.ok_or(RequestError::MergingFailed)?
    }
}

/// Why kept tiles do not make results: the journal is not as it was written.
#[derive(Debug, thiserror::Error)]
enum KeptError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Merge(#[from] MergeError),
}

impl From<KeptError> for RequestError {
    fn from(error: KeptError) -> Self {
        match error {
            KeptError::State(error) => error.into(),
            KeptError::Merge(error) => error.into(),
        }
    }
}

fn merge_kept(store: &Store, sweep: &SweepId, dropped: u64) -> Result<SweepResults, RequestError> {
    let unknown = || RequestError::UnknownSweep(sweep.clone());
    let kept = store.sweep(sweep)?.ok_or_else(unknown)?;
    let (state, seconds) = store.state(sweep)?.ok_or_else(unknown)?;
    if !matches!(state, SweepState::Done | SweepState::Partial { .. }) {
        return Err(RequestError::NoResults { sweep: sweep.clone(), state: state.name() });
    }
    let mut facts = RunFacts::new(sweep.clone(), kept.dataset);
    facts.submitted_unix_seconds = kept.submitted.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    facts.seconds = seconds;
    facts.results_dropped = dropped;

    let mut merger = Merger::new(&kept.plan);
    let failures = store.failures(sweep)?;
    let mut given_up = failures.into_iter().filter(|(_, failures)| failures.given_up).peekable();
    store.for_each_result(sweep, |tile, result| -> Result<(), KeptError> {
        while let Some((failed, failures)) = given_up.next_if(|(failed, _)| *failed < tile) {
            merger.push(failed, &TileOutcome::GivenUp)?;
            facts.add_failure(failed, attempts(failures));
        }
        facts.add_tile(&TileFacts {
            worker: &result.worker,
            device: &result.device,
            model: result.model,
            busy_seconds: result.busy.as_secs_f64(),
            work: result.work,
            cache: result.cache,
        });
        Ok(merger.push(tile, &TileOutcome::Scores(result.scores))?)
    })?;
    for (failed, failures) in given_up {
        merger.push(failed, &TileOutcome::GivenUp).map_err(KeptError::from)?;
        facts.add_failure(failed, attempts(failures));
    }
    let tensors = merger.finish().map_err(KeptError::from)?;
    Ok(tensors.into_results(&kept.plan, manifest(&kept.plan, &facts).to_string()))
}

fn attempts(failures: TileFailures) -> impl Iterator<Item = manifest::FailedAttempt> {
    failures.attempts.into_iter().map(|failed| manifest::FailedAttempt {
        attempt: failed.lease.attempt,
        worker: failed.worker,
        reason: failed.reason,
    })
}
