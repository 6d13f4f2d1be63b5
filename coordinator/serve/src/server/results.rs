//! Sweeps' results, put together from what the journal holds.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use patchsweep_core::grid::Grid;
use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::results::SweepResults;
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_plan::Findings;
use patchsweep_proto::wire::encode_results;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Span;

use super::PlanningError;
use super::checks;
use super::offload::Offload;
use super::rpc_errors::RequestError;
use super::spans::merging;
use crate::check::mark_what_was_not_drawn;
use crate::manifest::{self, RunFacts, SoFar, TileFacts, manifest};
use crate::merge::{Activities, MergeError, Merger, TileOutcome};
use crate::state::{KeptResult, KeptSweep, StateError, Store, TileFailures};
use crate::verification::verification;

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

    /// The encoded results of a sweep: what is on disk, whole or not. `span`: of the merging.
    pub(super) async fn fetch(&self, status: SweepStatus, span: Span) -> Result<Vec<u8>, RequestError> {
        self.merge(status, span, encode_results).await
    }

    /// The same for this process.
    pub(super) async fn merged(&self, status: SweepStatus) -> Result<SweepResults, RequestError> {
        let span = merging(&status.sweep, None);
        self.merge(status, span, |results| results).await
    }

    async fn merge<T: Send + 'static>(
        &self,
        status: SweepStatus,
        span: Span,
        give: impl FnOnce(SweepResults) -> T + Send + 'static,
    ) -> Result<T, RequestError> {
        let _turn = self.free.acquire().await.map_err(|_| RequestError::ShuttingDown)?;
        let store = self.store.clone();
        let merged = self.offload.run(move || {
            let _merging = span.entered();
            let started = Instant::now();
            let results = merge_kept(&store, &status).map(give);
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

/// Of a sweep that is done or partial every tile has an outcome; of another one those without are pending.
fn merge_kept(store: &Store, status: &SweepStatus) -> Result<SweepResults, RequestError> {
    let sweep = &status.sweep;
    // As of one moment: meanwhile it may be resumed, or removed.
    let snapshot = store.snapshot()?;
    let kept = snapshot.sweep(sweep)?.ok_or_else(|| RequestError::UnknownSweep(sweep.clone()))?;
    let mut facts = RunFacts::new(sweep.clone(), kept.dataset);
    facts.submitted_unix_seconds = kept.submitted.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    facts.seconds = status.elapsed.as_secs_f64();
    facts.results_dropped = status.results_dropped;
    let is_whole = matches!(status.state, SweepState::Done | SweepState::Partial { .. });

    let mut merge = Merge { merger: Merger::new(&kept.plan), is_whole, pending: 0, facts };
    // Scores that come meanwhile are left out; so are those of tiles that were given up and are computed again.
    let failures = snapshot.failures(sweep)?;
    let mut given_up = failures.into_iter().filter(|(_, failures)| failures.given_up).peekable();
    snapshot.for_each_result(sweep, |tile, result| -> Result<(), KeptError> {
        while let Some((failed, failures)) = given_up.next_if(|(failed, _)| *failed <= tile) {
            if failed < tile {
                merge.give_up(failed, failures)?;
            }
        }
        merge.take(tile, result)
    })?;
    for (failed, failures) in given_up {
        merge.give_up(failed, failures)?;
    }
    merge.leave_until(None)?;
    let Merge { merger, mut facts, pending, .. } = merge;
    if !is_whole {
        facts.so_far = Some(SoFar { state: status.state.name(), tiles_pending: pending });
    }
    let mut tensors = merger.finish().map_err(KeptError::from)?;
    let mut manifest = manifest(&kept.plan, &facts);
    if let Some(choice) = kept.plan.choice.as_ref().filter(|_| kept.plan.context.grids.iter().any(verifies)) {
        manifest["verification"] = verification(&kept.plan, &choice.chosen, &tensors);
    }
    if let Some(check) = &kept.plan.check {
        if is_whole {
            manifest["check"] = json!(checks::report(&snapshot, sweep, &kept.plan, check, &tensors)?);
        }
        mark_what_was_not_drawn(&kept.plan, &mut tensors);
    }
    tensors.show_chosen_features(&kept.plan);
    Ok(tensors.into_results(&kept.plan, manifest.to_string()))
}

fn verifies(grid: &Grid) -> bool {
    grid.verify().is_some()
}

/// A sweep with the tiles that its others decide, all of which are kept or given up.
pub(super) fn extended(store: &Store, sweep: &SweepId) -> Result<KeptSweep, RequestError> {
    let snapshot = store.snapshot()?;
    let kept = snapshot.sweep(sweep)?.ok_or_else(|| RequestError::UnknownSweep(sweep.clone()))?;
    let mut merge = kept.plan.context.grids.iter().any(verifies).then(|| {
        let (facts, merger) = (RunFacts::new(sweep.clone(), kept.dataset), Merger::new(&kept.plan));
        Merge { merger, is_whole: false, pending: 0, facts }
    });
    let mut activities = Activities::new(&kept.plan);
    snapshot.for_each_result(sweep, |tile, result| {
        activities.take(tile, &result.completed.scores);
        merge.as_mut().map_or(Ok(()), |merge| merge.take(tile, result))
    })?;
    let tensors = match merge {
        Some(mut merge) => {
            merge.leave_until(None)?;
            merge.merger.finish().map_err(KeptError::from)?.grids
        }
        None => Vec::new(),
    };
    let main = tensors.iter().filter(|scores| scores.metric == 0);
    let estimates = main.map(|scores| scores.estimate.as_slice()).collect();
    let findings = Findings { estimates, activity: activities.finish() };
    let plan = kept.plan.extended(&findings).map_err(PlanningError::from)?;
    Ok(KeptSweep { plan: Arc::new(plan), ..kept })
}

/// A merge of kept tiles under way.
struct Merge<'a> {
    merger: Merger<'a>,
    /// A tile that is missing is a defect.
    is_whole: bool,
    /// Tiles that are missing so far.
    pending: u64,
    facts: RunFacts,
}

impl Merge<'_> {
    fn take(&mut self, tile: TileId, result: KeptResult) -> Result<(), KeptError> {
        self.leave_until(Some(tile))?;
        let KeptResult { worker, device, completed, cache, .. } = result;
        self.facts.add_tile(&TileFacts {
            worker: &worker,
            device: &device,
            model: completed.model,
            notes: &completed.notes,
            busy_seconds: completed.busy.as_secs_f64(),
            work: completed.work,
            cache,
        });
        Ok(self.merger.push(tile, &TileOutcome::Scores(completed.scores))?)
    }

    fn give_up(&mut self, tile: TileId, failures: TileFailures) -> Result<(), KeptError> {
        self.leave_until(Some(tile))?;
        self.merger.push(tile, &TileOutcome::GivenUp)?;
        self.facts.add_failure(tile, attempts(failures));
        Ok(())
    }

    /// Nothing became of the tiles before this one yet; `None`: of all that are left.
    fn leave_until(&mut self, tile: Option<TileId>) -> Result<(), KeptError> {
        while let Some(due) = self.merger.due().filter(|&due| !self.is_whole && tile.is_none_or(|tile| due < tile)) {
            self.merger.push(due, &TileOutcome::Pending)?;
            self.pending += 1;
        }
        Ok(())
    }
}

fn attempts(failures: TileFailures) -> impl Iterator<Item = manifest::FailedAttempt> {
    failures.attempts.into_iter().map(|failed| manifest::FailedAttempt {
        attempt: failed.lease.attempt,
        worker: failed.worker,
        reason: failed.reason,
    })
}
