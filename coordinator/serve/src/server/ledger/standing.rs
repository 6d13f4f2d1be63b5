//! How far sweeps are, as clients hear of it.

use std::time::SystemTime;

use patchsweep_core::ids::SweepId;
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_schedule::{Outcome, Scheduler};
use tracing::Span;

use super::Ledger;
use crate::server::promises::Promise;
use crate::server::record::SweepRecord;
use crate::server::rpc_errors::RequestError;
use crate::state::Entry;

impl Ledger {
    /// Tells each sweep's measuring whether somebody computes it.
    pub(in crate::server) fn note_who_works(&mut self, scheduler: &Scheduler) {
        for (id, record) in &mut self.sweeps {
            let leased = |id| scheduler.progress(id).map_or(0, |progress| progress.leased);
            if let Some(running) = &mut record.running {
                running.works(leased(id) > 0);
            }
        }
    }

    /// Shows clients how far each sweep is.
    pub(in crate::server) fn publish_running(&self, scheduler: &Scheduler) {
        for (id, record) in &self.sweeps {
            if let Some(status) = running_status(id, record, scheduler) {
                record.publish(status);
            }
        }
    }

    /// A sweep as it is now.
    pub(in crate::server) fn status_now(
        &self,
        sweep: &SweepId,
        scheduler: &Scheduler,
    ) -> Result<SweepStatus, RequestError> {
        let record = self.record(sweep)?;
        Ok(running_status(sweep, record, scheduler).unwrap_or_else(|| record.status.borrow().clone()))
    }

    /// Clients hear of it when the journal has it.
    pub(in crate::server) fn end(
        &mut self,
        sweep: &SweepId,
        outcome: Outcome,
        scheduler: &Scheduler,
    ) -> Option<(Entry, Promise)> {
        let progress = scheduler.progress(sweep).unwrap_or_default();
        let record = self.sweeps.get_mut(sweep)?;
        let state = match outcome {
            Outcome::Done => SweepState::Done,
            Outcome::Partial { reason } => SweepState::Partial { reason },
            Outcome::Failed { reason } => SweepState::Failed { reason },
            Outcome::Cancelled => SweepState::Cancelled,
        };
        let mut status = record.status_now(progress, scheduler.worker_count(), None);
        status.state = state.clone();
        status.multiply_adds_per_second = None;
        let running = record.running.take();
        status.elapsed = running.as_ref().map_or(status.elapsed, |running| running.clock.elapsed());
        let (seconds, at) = (status.elapsed.as_secs_f64(), SystemTime::now());
        record.ended = Some(at);
        let span = running.map_or_else(Span::none, |running| running.span.span);
        let publish = Promise::Publish { sweep: sweep.clone(), status: Box::new(status), span };
        Some((Entry::Ended { sweep: sweep.clone(), state, seconds, at }, publish))
    }

    /// Shows clients that a sweep has ended so.
    pub(in crate::server) fn publish(&self, sweep: &SweepId, status: SweepStatus) {
        if let Some(record) = self.sweeps.get(sweep) {
            record.publish(status);
        }
    }
}

/// `None` of a sweep that has ended.
fn running_status(id: &SweepId, record: &SweepRecord, scheduler: &Scheduler) -> Option<SweepStatus> {
    record.running.as_ref()?;
    let progress = scheduler.progress(id)?;
    // Workers would have nothing to do.
    let waiting = record.not_chosen().or_else(|| scheduler.waiting(id));
    Some(record.status_now(progress, scheduler.worker_count(), waiting))
}
