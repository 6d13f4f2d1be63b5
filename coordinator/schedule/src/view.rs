//! What others may see.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::ids::{Lease, SweepId, WorkerId};
use patchsweep_core::workers::WorkerState;

use super::sweep::SweepQueue;
use super::worker::{Held, Standing, WorkerSlot};
use super::{ModelKey, Now, Progress, Scheduler};

/// A connected worker at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerView {
    /// Its session.
    pub worker: WorkerId,
    /// Leases that it takes at once.
    pub credit: u32,
    /// In the order in which it takes them in hand.
    pub leases: Vec<HeldLease>,
    /// Since when the first of them has been the first.
    pub head_since: Now,
    /// What it is doing.
    pub state: WorkerState,
    /// Tiles whose scores were kept.
    pub tiles_done: u64,
    /// Measured multiply-adds per second; `None`: not measured yet.
    pub rate: Option<u64>,
    /// When it was last heard.
    pub last_heard: Now,
    /// Models that it has in memory.
    pub loaded: BTreeSet<ModelKey>,
}

/// A lease that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// The lease.
    pub lease: Lease,
    /// The tile was taken away, but the worker has not answered for it yet.
    pub revoked: bool,
    /// Since when it holds it.
    pub since: Now,
}

impl Scheduler {
    /// Connected workers, in the order of their names.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerView> {
        self.workers.iter().map(|(&worker, slot)| view(worker, slot)).collect()
    }

    /// Connected workers.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        self.workers.len()
    }

    /// A sweep's counts; `None` for one that was never submitted, or is forgotten.
    #[must_use]
    pub fn progress(&self, sweep: &SweepId) -> Option<Progress> {
        let running = self.key(sweep).and_then(|key| self.running.get(&key)).map(SweepQueue::progress);
        running.or_else(|| self.ended.get(sweep).map(|ended| ended.progress))
    }

    /// Drops the counts of a sweep that has ended. It cannot be resumed any more in this life of the coordinator: its
    /// attempts would be counted anew, and leases no longer be distinguished.
    pub fn forget(&mut self, sweep: &SweepId) {
        self.ended.remove(sweep);
    }

    /// Connected workers that cannot compute a running sweep's tiles, and why.
    #[must_use]
    pub fn unfit_workers(&self, sweep: &SweepId) -> BTreeMap<WorkerId, String> {
        let queue = self.key(sweep).and_then(|key| self.running.get(&key));
        queue.map(|queue| queue.unfit.clone()).unwrap_or_default()
    }

    /// What a running sweep waits for when nobody can compute it.
    #[must_use]
    pub fn waiting(&self, sweep: &SweepId) -> Option<String> {
        let queue = self.running.get(&self.key(sweep)?)?;
        let somebody_computes = self.able.iter().any(|worker| !queue.unfit.contains_key(worker));
        if somebody_computes || queue.progress().leased > 0 {
            return None;
        }
        if let Some((worker, reason)) = queue.unfit.iter().find(|(worker, _)| self.able.contains(worker)) {
            return Some(format!("for a worker with the sweep's weights; {worker} has others: {reason}"));
        }
        Some(match self.workers.len() {
            0 => "for a worker to connect".to_owned(),
            1 => {
                "for a worker that takes leases; the one that is connected is leaving, stuck or quarantined".to_owned()
            }
            n => {
                format!("for a worker that takes leases; the {n} that are connected are leaving, stuck or quarantined")
            }
        })
    }
}

fn view(worker: WorkerId, slot: &WorkerSlot) -> WorkerView {
    let held = |held: &Held| HeldLease { lease: held.lease.clone(), revoked: held.revoked, since: held.since };
    let state = match &slot.standing {
        Standing::Quarantined { reason } => WorkerState::Quarantined { reason: reason.clone() },
        Standing::Draining | Standing::Leaving => WorkerState::Leaving,
        Standing::Active if slot.stuck_on.is_some() => WorkerState::Stuck,
        Standing::Active => WorkerState::Active,
    };
    WorkerView {
        worker,
        credit: slot.credit,
        leases: slot.leases.iter().map(held).collect(),
        head_since: slot.head_since,
        state,
        tiles_done: slot.tiles_done,
        rate: slot.rate.get(),
        last_heard: slot.last_heard,
        loaded: slot.loaded.clone(),
    }
}
