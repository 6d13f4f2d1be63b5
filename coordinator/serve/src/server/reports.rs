//! What workers say of their leases.

use std::time::{Duration, SystemTime};

use patchsweep_core::ids::{Lease, WorkerId};
use patchsweep_core::scores::TileScores;
use patchsweep_core::status::SweepStatus;

use patchsweep_schedule::{Event, Finished, Verdict};
use tracing::Span;

use super::actor::Actor;
use super::comparisons::Comparison;
use super::handle::{Computed, Failure, Report};
use super::promises::Promise;
use crate::merge::check_scores;
use crate::state::{Entry, KeptResult};
use crate::telemetry;

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
        let finished = Finished { worker, lease: lease.clone(), busy, loading };
        let (verdict, effects) = self.scheduler.finish(self.began.elapsed(), finished);
        let name = self.worker_name(worker);
        match verdict {
            Verdict::Keep => {
                telemetry::TILES_DONE.add(&[], 1);
                telemetry::MULTIPLY_ADDS.add(&[], work.multiply_adds);
                tracing::debug!(seconds = busy.as_secs_f64(), multiply_adds = work.multiply_adds, "tile done");
                let Computed { scores, model, notes } = computed;
                if let Some(running) = self.running_mut(&lease.sweep) {
                    running.pin(model, &notes);
                    running.finish(lease.tile);
                }
                let device = self.workers.get(&worker).map(|connected| connected.device.clone());
                let result = KeptResult {
                    lease,
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
            }
            Verdict::Drop { done } => {
                self.count_dropped(&lease, done);
                if done {
                    self.compare(name, span, &lease, computed.scores);
                }
            }
        }
        self.carry_out(effects);
    }

    /// Scores of a tile that has some: they are held against those once these are on disk.
    fn compare(&mut self, worker: String, span: &Span, lease: &Lease, scores: TileScores) {
        let Some(tolerance) = self.sweeps.get(&lease.sweep).and_then(|record| record.tolerance) else { return };
        let (span, lease, scores) = (span.clone(), lease.clone(), Box::new(scores));
        self.promise(Promise::Compare(Comparison { worker, span, lease, scores, tolerance }));
    }

    fn count_dropped(&mut self, lease: &Lease, done: bool) {
        telemetry::RESULTS_DROPPED.add(&[], 1);
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
            .map_err(|error| Failure::Attempt(patchsweep_core::error_chain(&error)))?;
        match running.model {
            Some(pinned) if pinned != computed.model => Err(Failure::OtherModel(format!(
                "its model has the digest {}, but the sweep's first scores are of {}: put the same weights on all workers",
                computed.model.short(),
                pinned.short()
            ))),
            _ => Ok(computed),
        }
    }
}
