//! The sweeps that the coordinator knows, running and ended: what they are called, how far they are, who may still ask.

mod identity;
mod leases;
mod removal;
mod standing;

pub(super) use identity::Name;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Lease, SweepId};
use patchsweep_core::status::{Priority, SweepStatus};
use patchsweep_plan::Plan;
use prost::bytes::Bytes;

use super::handle::RunId;
use super::record::{Choosing, Marks, Running, SweepRecord};
use super::rpc_errors::RequestError;

/// All sweeps.
#[derive(Default)]
pub(super) struct Ledger {
    sweeps: BTreeMap<SweepId, SweepRecord>,
    /// Oldest first.
    order: Vec<SweepId>,
    /// Sweeps of this life that were removed: their names are not given again, so that a name and a life are one sweep.
    removed: BTreeSet<SweepId>,
    last_run: u64,
}

impl Ledger {
    /// A sweep that there is.
    pub(super) fn record(&self, sweep: &SweepId) -> Result<&SweepRecord, RequestError> {
        self.sweeps.get(sweep).ok_or_else(|| RequestError::UnknownSweep(sweep.clone()))
    }

    /// All of them, by name.
    pub(super) fn records(&self) -> impl Iterator<Item = (&SweepId, &SweepRecord)> {
        self.sweeps.iter()
    }

    /// As clients see them, oldest first.
    pub(super) fn statuses(&self) -> Vec<SweepStatus> {
        let records = self.order.iter().filter_map(|id| self.sweeps.get(id));
        records.map(|record| record.status.borrow().clone()).collect()
    }

    /// What there is of a sweep while it runs.
    pub(super) fn running(&self, sweep: &SweepId) -> Option<&Running> {
        self.sweeps.get(sweep)?.running.as_ref()
    }

    /// The sweep that a lease is of.
    fn record_of(&self, lease: &Lease) -> Option<&SweepRecord> {
        self.sweeps.get(&lease.sweep).filter(|record| record.may_own(lease))
    }

    fn record_of_mut(&mut self, lease: &Lease) -> Option<&mut SweepRecord> {
        self.sweeps.get_mut(&lease.sweep).filter(|record| record.may_own(lease))
    }

    fn running_mut(&mut self, sweep: &SweepId) -> Option<&mut Running> {
        self.sweeps.get_mut(sweep)?.running.as_mut()
    }

    /// The context of a running sweep, as workers get it.
    pub(super) fn context(&self, digest: Digest) -> Result<Bytes, RequestError> {
        let mut running = self.sweeps.values().filter_map(|record| record.running.as_ref());
        let context = running.find(|running| running.plan.digest == digest).map(|running| running.context.clone());
        context.ok_or_else(|| RequestError::UnknownContext(digest.short()))
    }

    /// A sweep runs from now on, for the first time or again.
    pub(super) fn begin(&mut self, id: SweepId, priority: Priority, marks: Marks, running: Running) {
        let record = SweepRecord::running(id.clone(), self.next_run(), priority, marks, running);
        if let Some(known) = self.sweeps.get_mut(&id) {
            // Those who watch it go on watching.
            let status = record.status.borrow().clone();
            (known.running, known.tolerances, known.trace) = (record.running, record.tolerances, record.trace);
            (known.run, known.ended) = (record.run, None);
            known.publish(status);
        } else {
            self.insert(id, record);
        }
    }

    /// A run of a sweep has more tiles from now on, as this plan has them; false where it is not running any more, or has
    /// them already.
    pub(super) fn extend(&mut self, sweep: &SweepId, run: RunId, plan: &Arc<Plan>) -> bool {
        let Some(record) = self.sweeps.get_mut(sweep).filter(|record| record.run == run) else { return false };
        record.extend(plan)
    }

    /// How it is with the choice of cells that a run of a sweep goes on with.
    pub(super) fn note_choice(&mut self, sweep: &SweepId, run: RunId, choosing: Choosing) {
        if let Some(record) = self.sweeps.get_mut(sweep).filter(|record| record.run == run)
            && let Some(running) = record.running.as_mut().filter(|running| running.plan.awaits_choice())
        {
            running.choosing = Some(choosing);
        }
    }

    /// A sweep that ended in an earlier life of the coordinator.
    pub(super) fn add_ended(&mut self, identity: Digest, marks: Marks, status: SweepStatus, ended: Option<SystemTime>) {
        let id = status.sweep.clone();
        let record = SweepRecord::ended(identity, marks, self.next_run(), status, ended);
        self.insert(id, record);
    }

    fn insert(&mut self, id: SweepId, record: SweepRecord) {
        self.sweeps.insert(id.clone(), record);
        self.order.push(id);
    }

    /// A number that no other run of a sweep has.
    fn next_run(&mut self) -> RunId {
        self.last_run += 1;
        RunId(self.last_run)
    }
}
