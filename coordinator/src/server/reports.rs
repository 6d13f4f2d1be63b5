//! What workers say of their leases.

use std::time::{Duration, SystemTime};

use patchsweep_proto::ids::{Lease, WorkerId};
use patchsweep_proto::scores::TileScores;
use patchsweep_proto::status::SweepStatus;

use tracing::Span;

use super::actor::Actor;
use super::handle::{Computed, Failure, Report};
use super::promises::Promise;
use crate::merge::{check_scores, compare};
use crate::metrics;
use crate::scheduler::{Effect, Event};
use crate::state::{Entry, KeptResult, StateError};

impl Actor {
    pub(super) fn report(&mut self, worker: WorkerId, report: Report) {
        let lease = report.lease.clone();
        let span = self.lease_span(&lease, worker);
        span.in_scope(|| self.take_report(worker, report, &span));
        if let Some(running) = self.running_mut(&lease.sweep) {
            running.span.end(&lease);
        }
    }

    fn take_report(&mut self, worker: WorkerId, report: Report, span: &Span) {
        let Report { lease, outcome, cache, busy_seconds, loading_seconds, loaded, work } = report;
        let cache = self.cache_since(worker, cache);
        if let Some(loaded) = loaded {
            self.note_loaded(worker, loaded);
        }
        let computed = match outcome.and_then(|computed| self.check(&lease, computed)) {
            Ok(computed) => computed,
            Err(Failure::Attempt(reason)) => return self.apply(Event::Failed { worker, lease, reason }),
            Err(Failure::OtherModel(reason)) => {
                tracing::warn!(reason, "worker has another model");
                return self.apply(Event::Unfit { worker, lease, reason });
            }
        };
        let duration = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let (busy, loading) = (duration(busy_seconds), duration(loading_seconds));
        let finished = Event::Finished { worker, lease: lease.clone(), busy, loading };
        let effects = self.scheduler.apply(self.began.elapsed(), finished);
        let name = self.worker_name(worker);
        // One of these at most, and before the acknowledgement.
        for effect in &effects {
            match effect {
                Effect::Keep { lease } => {
                    metrics::TILES_DONE.add(&[], 1);
                    metrics::MULTIPLY_ADDS.add(&[], work.multiply_adds);
                    tracing::debug!(seconds = busy.as_secs_f64(), multiply_adds = work.multiply_adds, "tile done");
                    let Computed { scores, model, notes } = computed;
                    if let Some(running) = self.sweeps.get_mut(&lease.sweep).and_then(|record| record.running.as_mut())
                    {
                        running.pin(model, &notes);
                        running.finish(lease.tile);
                    }
                    let device = self.workers.get(&worker).map(|connected| connected.device.clone());
                    let result = KeptResult {
                        lease: lease.clone(),
                        worker: name,
                        device: device.unwrap_or_default(),
                        model,
                        notes,
                        scores,
                        busy,
                        work,
                        cache,
                        received: Some(SystemTime::now()),
                    };
                    self.journal.write(Entry::Result(result));
                    break;
                }
                Effect::Drop { lease, done, .. } => {
                    self.count_dropped(lease, *done);
                    if *done {
                        let (lease, scores) = (lease.clone(), Box::new(computed.scores));
                        self.promise(Promise::Compare { worker: name, span: span.clone(), lease, scores });
                    }
                    break;
                }
                _ => {}
            }
        }
        self.carry_out(effects);
    }

    fn count_dropped(&mut self, lease: &Lease, done: bool) {
        metrics::RESULTS_DROPPED.add(&[], 1);
        tracing::info!(done, "late or repeated result dropped");
        if let Some(record) = self.sweeps.get_mut(&lease.sweep) {
            record.dropped += 1;
            let status = SweepStatus { results_dropped: record.dropped, ..record.status.borrow().clone() };
            record.publish(status);
        }
    }

    /// Scores that cannot be merged are refused. Those of sweeps that do not run are the scheduler's to drop.
    fn check(&self, lease: &Lease, computed: Computed) -> Result<Computed, Failure> {
        let running = self.sweeps.get(&lease.sweep).and_then(|record| record.running.as_ref());
        let Some(running) = running else { return Ok(computed) };
        check_scores(&running.plan, lease.tile, &computed.scores)
            .map_err(|error| Failure::Attempt(patchsweep_proto::error_chain(&error)))?;
        match running.model {
            Some(pinned) if pinned != computed.model => Err(Failure::OtherModel(format!(
                "its model has the digest {}, but the sweep's first scores are of {}: put the same weights on all workers",
                computed.model.short(),
                pinned.short()
            ))),
            _ => Ok(computed),
        }
    }

    /// Warns if a tile that was computed twice has different scores.
    pub(super) fn compare(&self, worker: &str, lease: &Lease, scores: &TileScores) {
        match self.difference(lease, scores) {
            Ok(Some(Comparison { first, difference, tolerance })) if difference > tolerance => {
                let second = worker;
                tracing::warn!(difference, first, second, "two workers disagree on a tile's scores");
            }
            Ok(_) => {}
            Err(error) => {
                let error = patchsweep_proto::error_chain(&error);
                tracing::warn!(error, "cannot compare results");
            }
        }
    }

    /// Between these scores and the kept ones of the same tile.
    fn difference(&self, lease: &Lease, scores: &TileScores) -> Result<Option<Comparison>, StateError> {
        let Some(tolerance) = self.sweeps.get(&lease.sweep).and_then(|record| record.tolerance) else {
            return Ok(None);
        };
        let kept = self.journal.store().result(&lease.sweep, lease.tile)?;
        Ok(kept.map(|kept| Comparison {
            difference: compare::largest_difference(&kept.scores, scores),
            first: kept.worker,
            tolerance,
        }))
    }
}

/// How far two computations of a tile are apart.
struct Comparison {
    /// Who came first.
    first: String,
    difference: f64,
    tolerance: f64,
}
