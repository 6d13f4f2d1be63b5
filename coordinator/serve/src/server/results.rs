//! Sweeps' results, put together from what the journal holds.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use patchsweep_core::ids::SweepId;
use patchsweep_core::results::SweepResults;
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_proto::wire::encode_results;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::Span;

use super::checks;
use super::kept::{KeptTile, for_each_tile};
use super::offload::Offload;
use super::rpc_errors::RequestError;
use super::sending::{Budget, Sending};
use super::spans::merging;
use crate::check::mark_what_was_not_drawn;
use crate::manifest::{self, RunFacts, SoFar, TileFacts, manifest};
use crate::merge::{MergeError, Merger, TileOutcome};
use crate::state::{KeptResult, Store, TileFailures};
use crate::verification::verification;

/// A request that waits longer is logged.
const LONG: Duration = Duration::from_secs(30);

/// Merges results, one sweep at a time, has those of one more waiting for room, and bounded bytes of them on their way: that is
/// what bounds the memory.
#[derive(Clone, Debug)]
pub(super) struct ResultsDesk {
    store: Store,
    offload: Offload,
    /// Who may merge.
    free: Arc<Semaphore>,
    /// Who may have results merged that are to be sent, and wait for their room.
    next: Arc<Semaphore>,
    budget: Budget,
}

impl ResultsDesk {
    pub(super) fn new(store: Store, offload: Offload) -> Self {
        let one = || Arc::new(Semaphore::new(1));
        Self { store, offload, free: one(), next: one(), budget: Budget::new() }
    }

    /// The encoded results of a sweep: what is on disk, whole or not. `span`: of the merging.
    pub(super) async fn fetch(&self, status: SweepStatus, span: Span) -> Result<Sending, RequestError> {
        let sweep = status.sweep.clone();
        let others = "for those that were asked for before";
        let next = noted(&sweep, others, self.next.acquire()).await.map_err(|_| RequestError::ShuttingDown)?;
        let (turn, bytes) = self.merge(status, span, encode_results).await?;
        // Whoever sends nothing need not wait for clients that are slow.
        drop(turn);
        let room = "until clients have taken others, which are slow";
        let sending = noted(&sweep, room, self.budget.send(bytes)).await.ok_or(RequestError::ShuttingDown);
        // The next ones to be sent are merged when these may go.
        drop(next);
        sending
    }

    /// The same for this process.
    pub(super) async fn merged(&self, status: SweepStatus) -> Result<SweepResults, RequestError> {
        let span = merging(&status.sweep, None);
        Ok(self.merge(status, span, |results| results).await?.1)
    }

    /// Gives the turn, too, which is the closure's: that goes on when nobody waits for it any more.
    async fn merge<T: Send + 'static>(
        &self,
        status: SweepStatus,
        span: Span,
        give: impl FnOnce(SweepResults) -> T + Send + 'static,
    ) -> Result<(OwnedSemaphorePermit, T), RequestError> {
        let turn = Arc::clone(&self.free).acquire_owned();
        let turn =
            noted(&status.sweep, "until others are merged", turn).await.map_err(|_| RequestError::ShuttingDown)?;
        let store = self.store.clone();
        let merged = self.offload.run("merging", move || {
            let _merging = span.entered();
            let started = Instant::now();
            let results = merge_kept(&store, &status).map(give);
            tracing::debug!(seconds = started.elapsed().as_secs_f64(), "results merged");
            Ok((turn, results?))
        });
        merged.await?
    }
}

/// Waits, and says so once if that takes long.
async fn noted<T>(sweep: &SweepId, wait: &'static str, what: impl Future<Output = T>) -> T {
    tokio::pin!(what);
    if let Ok(done) = timeout(LONG, &mut what).await {
        return done;
    }
    tracing::warn!(%sweep, "a request for results waits {wait}");
    what.await
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

    let mut pending = 0;
    let mut merger = Merger::new(&kept.plan);
    for_each_tile(&snapshot, sweep, &kept.plan, |tile, kept| -> Result<(), RequestError> {
        let outcome = match kept {
            KeptTile::Done(result) => {
                add_tile(&mut facts, &result);
                TileOutcome::Scores(result.completed.scores)
            }
            KeptTile::GivenUp(failures) => {
                facts.add_failure(tile, attempts(failures));
                TileOutcome::GivenUp
            }
            KeptTile::Pending if is_whole => return Err(MergeError::Missing { tile }.into()),
            KeptTile::Pending => {
                pending += 1;
                TileOutcome::Pending
            }
        };
        Ok(merger.push(tile, &outcome)?)
    })?;
    if !is_whole {
        facts.so_far = Some(SoFar { state: status.state.name(), tiles_pending: pending });
    }
    let mut tensors = merger.finish()?;
    let mut manifest = manifest(&kept.plan, &facts);
    if let Some(choice) = kept.plan.choice.as_ref().filter(|_| kept.plan.verifies()) {
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

fn add_tile(facts: &mut RunFacts, result: &KeptResult) {
    let KeptResult { worker, device, completed, cache, .. } = result;
    facts.add_tile(&TileFacts {
        worker,
        device,
        model: completed.model,
        notes: &completed.notes,
        busy_seconds: completed.busy.as_secs_f64(),
        work: completed.work,
        cache: *cache,
    });
}

fn attempts(failures: TileFailures) -> impl Iterator<Item = manifest::FailedAttempt> {
    failures.attempts.into_iter().map(|failed| manifest::FailedAttempt {
        attempt: failed.lease.attempt,
        worker: failed.worker,
        reason: failed.reason,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;
    use crate::fixtures::running;
    use crate::server::recent_log;
    use crate::state::Entry;
    use crate::state::sample::sweep;

    /// A desk beside a sweep none of whose tiles is computed, and that sweep.
    fn desk() -> (ResultsDesk, SweepStatus) {
        let (store, _) = Store::in_memory().expect("memory");
        let kept = sweep("s");
        let status = SweepStatus { sweep: kept.id.clone(), ..running() };
        store.write(&[Entry::Sweep(Box::new(kept))]).expect("memory");
        (ResultsDesk::new(store, Offload::Threads), status)
    }

    #[tokio::test]
    async fn a_merge_that_nobody_waits_for_any_more_keeps_its_turn() {
        let (desk, status) = desk();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let order = Arc::clone(&order);
            move || order.lock().expect("no panic").push(what)
        };
        let (first, second) = (note("first"), note("second"));
        let (one, of) = (desk.clone(), status.clone());
        let hanging = tokio::spawn(async move {
            let parked = move |_| {
                let _ = begun.send(());
                let _ = may_go_on.recv();
                first();
            };
            one.merge(of, Span::none(), parked).await.map(drop)
        });
        has_begun.await.expect("it begins");
        hanging.abort();
        assert!(hanging.await.expect_err("it was aborted").is_cancelled());
        assert_eq!(desk.free.available_permits(), 0, "the closure goes on");
        let another = desk.merge(status, Span::none(), move |_| second());
        let (ended, ()) = tokio::join!(another, async { go_on.send(()).expect("it waits") });
        drop(ended.expect("a merge"));
        assert_eq!(*order.lock().expect("no panic"), ["first", "second"]);
        assert_eq!(desk.free.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_the_room_of_slow_clients_keeps_nobody_from_merging_and_is_logged() {
        let (log, _guard) = recent_log::of_this_thread();
        let (desk, status) = desk();
        let desk = ResultsDesk { offload: Offload::Inline, ..desk };
        let all = desk.budget.send(vec![0; 256 << 20]).await.expect("there is room");
        let waiting = desk.fetch(status.clone(), Span::none());
        tokio::pin!(waiting);
        assert!(timeout(LONG / 2, &mut waiting).await.is_err(), "there is no room");
        let merged = timeout(LONG / 4, desk.merged(status.clone())).await.expect("nobody else merges");
        merged.expect("a merge");
        let next = desk.fetch(status, Span::none());
        tokio::pin!(next);
        assert!(timeout(LONG * 3 / 4, async { tokio::join!(&mut waiting, &mut next) }).await.is_err());
        let texts = || log.list().into_iter().map(|event| event.text).collect::<Vec<_>>();
        assert_eq!(texts(), ["a request for results waits until clients have taken others, which are slow"]);
        assert!(timeout(LONG / 2, &mut next).await.is_err(), "one waits for room at most");
        assert_eq!(texts()[1..], ["a request for results waits for those that were asked for before"]);
        drop(all);
        let (first, second) = tokio::join!(waiting, next);
        drop((first.expect("there is room"), second.expect("there is room")));
        assert_eq!(log.list().len(), 2);
    }
}
