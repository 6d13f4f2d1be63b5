//! What the scheduler knows of a worker.

use std::collections::BTreeSet;

use patchsweep_core::ids::Lease;

use super::rate::Rate;
use super::{ModelKey, Now, SweepKey};

/// Iterations that a worker is taken to have cached: the last ones that it got tiles of.
const REMEMBERED_ITERATIONS: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct WorkerSlot {
    /// Leases that it takes at once.
    pub(super) credit: u32,
    /// In the order in which it takes them in hand. Revoked ones keep their place until it answers for them.
    pub(super) leases: Vec<Held>,
    /// Since when the first of them has been the first.
    pub(super) head_since: Now,
    /// The same, or since when its model is known to be loaded, which came later.
    pub(super) computing_since: Now,
    pub(super) last_heard: Now,
    pub(super) standing: Standing,
    /// A lease that is overdue; no grants until it answers for it.
    pub(super) stuck_on: Option<Lease>,
    pub(super) rate: Rate,
    /// Tiles whose scores were kept.
    pub(super) tiles_done: u64,
    /// Models in its memory, as it last reported, or as its last tile shows.
    pub(super) loaded: BTreeSet<ModelKey>,
    /// The last one is the latest.
    iterations: Vec<(SweepKey, u32)>,
    pub(super) record: Record,
}

/// A lease that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) lease: Lease,
    pub(super) sweep: SweepKey,
    /// `None`: of a sweep that does not run.
    pub(super) model: Option<ModelKey>,
    pub(super) cost: u64,
    pub(super) since: Now,
    /// The tile is not this worker's any more, but the worker may still be busy with it.
    pub(super) revoked: bool,
    /// Granted as a suspect: nothing is granted beside it.
    pub(super) alone: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    Active,
    /// Was asked to leave.
    Draining,
    /// Announced that it leaves.
    Leaving,
    Quarantined {
        reason: String,
    },
}

/// A worker's failures, to distinguish a broken worker from broken tiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Record {
    failures: u64,
    /// Failures before its last success.
    forgiven: u64,
    /// Failures since, on tiles that others computed.
    refuted: u32,
}

impl Record {
    /// Counts a failure and says its number.
    pub(super) fn fail(&mut self) -> u64 {
        self.failures += 1;
        self.failures
    }

    pub(super) fn succeed(&mut self) {
        self.forgiven = self.failures;
        self.refuted = 0;
    }

    /// Another worker computed what this one failed on; says how often that happened since its last success.
    pub(super) fn refute(&mut self, nth: u64) -> u32 {
        if nth > self.forgiven {
            self.refuted += 1;
        }
        self.refuted
    }
}

impl WorkerSlot {
    pub(super) fn new(credit: u32, loaded: BTreeSet<ModelKey>, now: Now) -> Self {
        Self {
            credit,
            leases: Vec::new(),
            head_since: now,
            computing_since: now,
            last_heard: now,
            standing: Standing::Active,
            stuck_on: None,
            rate: Rate::default(),
            tiles_done: 0,
            loaded,
            iterations: Vec::new(),
            record: Record::default(),
        }
    }

    /// Takes part in computing, now or when it has room.
    pub(super) fn is_able(&self) -> bool {
        self.standing == Standing::Active && self.stuck_on.is_none()
    }

    pub(super) fn has_room(&self) -> bool {
        self.is_able() && self.leases.len() < self.credit as usize && !self.computes_alone()
    }

    pub(super) fn computes_alone(&self) -> bool {
        self.leases.iter().any(|held| held.alone)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.leases.is_empty()
    }

    pub(super) fn push(&mut self, held: Held, now: Now) {
        if self.leases.is_empty() {
            self.next_in_hand(now);
        }
        self.leases.push(held);
    }

    fn next_in_hand(&mut self, now: Now) {
        self.head_since = now;
        self.computing_since = now;
    }

    /// Whether a model will be in memory when the worker comes to a tile that it is granted now. Loading another one for
    /// a tile before it may drop all that are there.
    pub(super) fn will_have(&self, model: ModelKey) -> bool {
        let mut needed = self.leases.iter().filter(|held| !held.revoked).filter_map(|held| held.model);
        if needed.clone().all(|needed| self.loaded.contains(&needed)) {
            return self.loaded.contains(&model);
        }
        needed.next_back() == Some(model)
    }

    /// Frees the places of some leases.
    pub(super) fn take(&mut self, now: Now, taken: impl Fn(&Held) -> bool) -> Vec<Held> {
        if self.leases.first().is_some_and(&taken) {
            self.next_in_hand(now);
        }
        let (leases, rest) = std::mem::take(&mut self.leases).into_iter().partition(taken);
        self.leases = rest;
        if let Some(overdue) = &self.stuck_on
            && !self.leases.iter().any(|held| held.lease == *overdue)
        {
            self.stuck_on = None;
        }
        leases
    }

    /// Its iterations of a sweep, the latest first.
    pub(super) fn iterations_of(&self, sweep: SweepKey) -> impl Iterator<Item = u32> + Clone {
        self.iterations.iter().rev().filter(move |(held, _)| *held == sweep).map(|&(_, iteration)| iteration)
    }

    /// It got a tile of this iteration. Says whether that is news, and which iteration it is taken to have dropped.
    pub(super) fn remember(&mut self, sweep: SweepKey, iteration: u32) -> (bool, Option<(SweepKey, u32)>) {
        let known = self.iterations.iter().rposition(|held| *held == (sweep, iteration));
        if let Some(index) = known {
            self.iterations.remove(index);
        }
        self.iterations.push((sweep, iteration));
        let dropped = (self.iterations.len() > REMEMBERED_ITERATIONS).then(|| self.iterations.remove(0));
        (known.is_none(), dropped)
    }

    pub(super) fn iterations(&self) -> &[(SweepKey, u32)] {
        &self.iterations
    }

    /// A sweep has ended.
    pub(super) fn forget(&mut self, sweep: SweepKey) {
        self.iterations.retain(|(held, _)| *held != sweep);
    }
}
