//! What the scheduler knows of a worker.

use std::collections::BTreeSet;

use patchsweep_proto::ids::{Lease, SweepId};

use super::Now;

#[derive(Debug)]
pub(super) struct WorkerSlot {
    /// Leases that it takes at once.
    pub(super) credit: u32,
    /// Leases that it holds, in the order in which it takes them in hand.
    pub(super) leases: Vec<Lease>,
    /// Iterations whose activations it has cached.
    pub(super) held_iterations: BTreeSet<(SweepId, u32)>,
    /// Sweeps that it cannot help with.
    pub(super) unfit_for: BTreeSet<SweepId>,
    pub(super) last_heard: Now,
    /// Takes no more leases.
    pub(super) leaving: bool,
}

impl WorkerSlot {
    pub(super) fn new(credit: u32, now: Now) -> Self {
        Self {
            credit,
            leases: Vec::new(),
            held_iterations: BTreeSet::new(),
            unfit_for: BTreeSet::new(),
            last_heard: now,
            leaving: false,
        }
    }

    /// Takes one lease away.
    pub(super) fn release(&mut self, lease: &Lease) {
        self.leases.retain(|held| held != lease);
    }

    /// Takes all leases of a sweep away.
    pub(super) fn release_sweep(&mut self, sweep: &SweepId) -> Vec<Lease> {
        let (released, kept) = std::mem::take(&mut self.leases).into_iter().partition(|lease| lease.sweep == *sweep);
        self.leases = kept;
        released
    }

    pub(super) fn has_credit(&self) -> bool {
        !self.leaving && self.leases.len() < self.credit as usize
    }
}
