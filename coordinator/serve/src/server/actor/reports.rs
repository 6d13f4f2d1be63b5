//! What workers report of their leases.

use std::time::SystemTime;

use patchsweep_core::ids::{Lease, WorkerId};
use patchsweep_core::scores::{CacheStats, TileScores};
use patchsweep_schedule::{Event, Finished, Verdict};
use tracing::Span;

use super::Actor;
use crate::server::comparisons::Comparison;
use crate::server::handle::{Failure, Report};
use crate::server::promises::Promise;
use crate::state::{Completed, Entry, KeptResult};
use crate::telemetry;

impl Actor {
    pub(super) fn report(&mut self, worker: WorkerId, report: Report) {
        let lease = report.lease.clone();
        let span = self.ledger.lease_span(&lease, worker, &self.crew.name(worker));
        span.in_scope(|| self.take_report(worker, report, &span));
        self.ledger.end_lease(&lease);
    }

    fn take_report(&mut self, worker: WorkerId, report: Report, span: &Span) {
        let Report { lease, outcome, loading, cache, loaded } = report;
        let cache = self.crew.cache_since(worker, cache);
        let news = loaded.and_then(|loaded| self.crew.note_loaded(worker, loaded));
        self.apply_all(news);
        let accepted = outcome.and_then(|completed| self.ledger.accept(&lease, &completed).map(|()| completed));
        let completed = match accepted {
            Ok(completed) => completed,
            Err(Failure::Attempt(reason)) => return self.apply(Event::Failed { worker, lease, reason }),
            Err(Failure::OtherModel(reason)) => {
                tracing::warn!(reason, "worker has another model");
                return self.apply(Event::Unfit { worker, lease, reason });
            }
        };
        let finished = Finished { worker, lease: lease.clone(), busy: completed.busy, loading };
        let (verdict, effects) = self.scheduler.finish(self.began.elapsed(), finished);
        match verdict {
            Verdict::Keep => self.keep(worker, lease, completed, cache),
            Verdict::Drop { done } => {
                telemetry::RESULTS_DROPPED.add(&[], 1);
                tracing::info!(done, "late or repeated result dropped");
                self.ledger.count_dropped(&lease);
                if done {
                    self.compare(worker, span, lease, completed.scores);
                }
            }
        }
        self.carry_out(effects);
    }

    /// The first scores of a tile.
    fn keep(&mut self, worker: WorkerId, lease: Lease, completed: Completed, cache: CacheStats) {
        let multiply_adds = completed.work.multiply_adds;
        telemetry::TILES_DONE.add(&[], 1);
        telemetry::MULTIPLY_ADDS.add(&[], multiply_adds);
        let epoch = lease.epoch.0;
        tracing::debug!(epoch, seconds = completed.busy.as_secs_f64(), multiply_adds, "tile done");
        self.ledger.finish(&lease, &completed);
        let (name, device, received) = (self.crew.name(worker), self.crew.device(worker), SystemTime::now());
        self.outbound.write(Entry::Result(Box::new(KeptResult {
            lease,
            worker: name,
            device,
            completed,
            cache,
            received,
        })));
    }

    /// Scores of a tile that has some: they are held against those once these are on disk.
    fn compare(&mut self, worker: WorkerId, span: &Span, lease: Lease, scores: TileScores) {
        let Some(tolerances) = self.ledger.tolerances(&lease) else { return };
        let (worker, span, scores) = (self.crew.name(worker), span.clone(), Box::new(scores));
        self.outbound.promise(Promise::Compare(Comparison { worker, span, lease, scores, tolerances }));
    }
}
