//! What sweeps know of their leases: spans and grants, scores and failures.

use patchsweep_core::ids::{Lease, SweepId, WorkerId};
use patchsweep_core::status::{BASELINES, SweepStatus};
use patchsweep_core::tile::TileWork;
use patchsweep_proto::v1;
use tracing::Span;

use super::Ledger;
use crate::merge::compare::Tolerances;
use crate::merge::refuse_scores;
use crate::server::crew::TileName;
use crate::server::handle::Failure;
use crate::server::spans::ended_lease;
use crate::state::Completed;

impl Ledger {
    /// What is logged inside it is about that lease.
    pub(in crate::server) fn lease_span(&self, lease: &Lease, worker: WorkerId, name: &str) -> Span {
        let running = self.record_of(lease).and_then(|record| record.running.as_ref());
        running.map_or_else(|| ended_lease(lease, name), |running| running.span.of(lease, worker, name))
    }

    /// What a worker is sent with a lease; `None` where its sweep does not run.
    pub(in crate::server) fn grant(&mut self, lease: &Lease, worker: WorkerId, name: &str) -> Option<v1::Grant> {
        let record = self.record_of_mut(lease)?;
        let (model, running) = (record.marks.model, record.running.as_mut()?);
        let trace = running.span.begin(lease, worker, name);
        Some(v1::Grant {
            lease: Some(lease.into()),
            tile: Some((&running.plan.tiles[lease.tile.0 as usize]).into()),
            context_digest: running.plan.digest.0.to_vec(),
            model_digest: model.map_or_else(Vec::new, |digest| digest.0.to_vec()),
            traceparent: trace.to_string(),
        })
    }

    /// A worker has answered for a lease.
    pub(in crate::server) fn end_lease(&mut self, lease: &Lease) {
        if let Some(running) = self.record_of_mut(lease).and_then(|record| record.running.as_mut()) {
            running.span.end(lease);
        }
    }

    /// A worker has gone.
    pub(in crate::server) fn end_leases_of(&mut self, worker: WorkerId) {
        for running in self.sweeps.values_mut().filter_map(|record| record.running.as_mut()) {
            running.span.end_all_of(worker);
        }
    }

    /// What a lease's tile is, for people; `None` where its sweep does not run.
    pub(in crate::server) fn tile_name(&self, lease: &Lease) -> Option<TileName> {
        let plan = &self.record_of(lease)?.running.as_ref()?.plan;
        let tile = plan.tiles.get(lease.tile.0 as usize)?;
        let grid = match &tile.work {
            TileWork::Baseline => BASELINES,
            TileWork::Patch { grid, .. } | TileWork::Estimate { grid, .. } | TileWork::Activity { grid, .. } => {
                &plan.context.grids.get(*grid as usize)?.name
            }
        };
        let iteration = plan.label_of(tile.iteration).unwrap_or_default();
        Some(TileName { grid: grid.to_owned(), iteration: iteration.to_owned() })
    }

    /// Refuses scores that cannot be merged. Those of sweeps that do not run are the scheduler's to drop.
    pub(in crate::server) fn accept(&self, lease: &Lease, completed: &Completed) -> Result<(), Failure> {
        let Some(record) = self.record_of(lease) else { return Ok(()) };
        let Some(running) = &record.running else { return Ok(()) };
        refuse_scores(&running.plan, lease.tile, &completed.scores)
            .map_err(|error| Failure::Attempt(patchsweep_core::error_chain(&error)))?;
        match record.marks.model {
            Some(pinned) if pinned != completed.model => Err(Failure::OtherModel(format!(
                "its model has the digest {}, but the sweep's first scores are of {}: put the same weights on all workers",
                completed.model.short(),
                pinned.short()
            ))),
            _ => Ok(()),
        }
    }

    /// A tile's scores are kept.
    pub(in crate::server) fn finish(&mut self, lease: &Lease, completed: &Completed) {
        let Some(record) = self.record_of_mut(lease) else { return };
        record.pin(completed.model, &completed.notes);
        if let Some(running) = &mut record.running {
            running.finish(lease.tile);
        }
    }

    /// A tile's scores came too late or twice. Clients hear of it at once.
    pub(in crate::server) fn count_dropped(&mut self, lease: &Lease) {
        if let Some(record) = self.record_of_mut(lease) {
            record.dropped += 1;
            let status = SweepStatus { results_dropped: record.dropped, ..record.status.borrow().clone() };
            record.publish(status);
        }
    }

    /// How far second scores of a tile may be from the first; `None`: they are not compared.
    pub(in crate::server) fn tolerances(&self, lease: &Lease) -> Option<Tolerances> {
        let record = self.sweeps.get(&lease.sweep)?;
        let tile = record.running.as_ref().and_then(|running| running.plan.tiles.get(lease.tile.0 as usize));
        let tolerances = record.tolerances.as_ref()?;
        match tile.map(|tile| &tile.work) {
            // How active features are is no score; only whether they are counts, which rounding may decide.
            Some(TileWork::Activity { .. }) => None,
            Some(TileWork::Baseline | TileWork::Patch { .. }) => Some(tolerances.clone()),
            // Of a sweep that has ended it is not known what its tiles are.
            Some(TileWork::Estimate { .. }) | None => Some(tolerances.of_estimates()),
        }
    }

    /// Whether a worker did not fail for this reason before.
    pub(in crate::server) fn is_news(&mut self, sweep: &SweepId, worker: &str, reason: &str) -> bool {
        self.running_mut(sweep).is_none_or(|running| running.reasons.are_news(worker, reason))
    }
}
