//! A new life of the coordinator, from what the journal holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_proto::ids::{SweepId, TileId};
use patchsweep_proto::status::{SweepState, SweepStatus};

use super::actor::Actor;
use super::handle::Reply;
use super::journal::Journal;
use super::record::{Clock, Running, SweepRecord};
use super::spans::Traces;
use super::status::RequestError;
use crate::scheduler::Past;
use crate::state::{Entry, Recovered, RecoveredSweep, RunningSweep, StateError};

impl Actor {
    /// Goes on with the sweeps that run, and knows those that have ended.
    pub(super) fn recover(recovered: Recovered, journal: Journal, traces: Traces) -> Self {
        let Recovered { coordinator, epoch, sweeps } = recovered;
        let mut actor = Self::new(coordinator, epoch, journal, traces);
        for sweep in sweeps {
            actor.recover_sweep(sweep);
        }
        actor
    }

    fn recover_sweep(&mut self, sweep: RecoveredSweep) {
        let RecoveredSweep { status, submitted, identity, running, .. } = sweep;
        let id = status.sweep.clone();
        let Some(RunningSweep { plan, past, model }) = running else {
            self.sweeps.insert(id.clone(), SweepRecord::ended(identity, status));
            self.order.push(id);
            return;
        };
        let (done, tiles) = (status.tiles_done, status.tiles_total);
        let span = self.traces.sweep(&id, None);
        span.span.in_scope(|| tracing::info!(done, tiles, "sweep recovered"));
        // Between machines' clocks there may be less than nothing.
        let earlier = SystemTime::now().duration_since(submitted).unwrap_or(Duration::ZERO);
        let running = Running::new(Arc::new(plan), model, submitted, Clock::after(earlier), span);
        self.run_sweep(id, status.priority, running, past, BTreeMap::new());
    }

    /// Runs an ended sweep again, for the tiles that have no scores.
    pub(super) fn resume(&mut self, sweep: &SweepId, reply: Reply<SweepStatus>) {
        match self.try_to_resume(sweep) {
            Ok(()) => self.answer_with_status(sweep, reply),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn try_to_resume(&mut self, sweep: &SweepId) -> Result<(), RequestError> {
        let record = self.record(sweep)?;
        let trace = record.trace;
        let status = record.status.borrow().clone();
        let resumable = record.running.is_none()
            && matches!(status.state, SweepState::Partial { .. } | SweepState::Failed { .. } | SweepState::Cancelled);
        if !resumable {
            return Err(RequestError::NothingToResume { sweep: sweep.clone(), state: status.state.name() });
        }
        if let Some(reason) = self.journal.stalled() {
            return Err(RequestError::CannotStore { reason });
        }
        // What clients were told of is on disk, so the journal knows all that became of the sweep.
        let store = self.journal.store();
        let kept = store.sweep(sweep)?.ok_or_else(|| RequestError::UnknownSweep(sweep.clone()))?;
        let tiles: Vec<TileId> = store.failures(sweep)?.into_keys().collect();
        let (mut past, mut model) = (BTreeMap::new(), None);
        store.for_each_result(sweep, |tile, result| -> Result<(), StateError> {
            model.get_or_insert(result.model);
            past.insert(tile, Past::Done);
            Ok(())
        })?;
        let span = self.traces.sweep(sweep, trace);
        span.span.in_scope(|| tracing::info!(done = past.len(), tiles = kept.plan.tiles.len(), "sweep resumed"));
        self.journal.write(Entry::Resumed { sweep: sweep.clone(), tiles });
        let running = Running::new(kept.plan, model, kept.submitted, Clock::after(Duration::ZERO), span);
        self.run_sweep(sweep.clone(), status.priority, running, past, BTreeMap::new());
        Ok(())
    }
}
