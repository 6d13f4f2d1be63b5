//! Who computes what: a pure state machine.
//!
//! [`Scheduler::apply`] takes what happened and says what to do, [`Scheduler::finish`] judges scores beside that. There is no clock, no randomness and no
//! I/O inside: time comes in with each event, so that every run can be simulated and replayed.

mod adoption;
mod answers;
mod blame;
mod deadlines;
mod ending;
mod event;
mod fairness;
mod grants;
mod invariants;
mod leaving;
mod models;
mod rate;
mod ready;
mod sweep;
mod tail;
mod tile;
mod view;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId, WorkerId};

pub use deadlines::{DEAD_AFTER, DEADLINE_FACTOR, FIRST_DEADLINE, SHORTEST_DEADLINE};
pub use event::{Effect, Event, Finished, Outcome, Past, Verdict};
pub use models::{LOADS_BEHIND, ModelKey, SHORTEST_LOAD};
pub use tail::{LATE_FACTOR, SHORTEST_LATE};
pub use view::{HeldLease, WorkerView};

use rate::Rate;
use sweep::SweepQueue;
use worker::{Held, WorkerSlot};

/// Time since the coordinator started.
pub type Now = Duration;

/// Attempts that may fail or be lost before a tile is given up.
pub const MAX_STRIKES: u32 = 3;

/// Tiles that are given up before any is done: then the sweep is.
pub const HOPELESS: u32 = 3;

/// Failures in a row, on tiles that others compute, after which a worker is taken for broken.
pub const BROKEN: u32 = 3;

/// What the scheduler knows of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileInfo {
    /// Tiles of one iteration share cached activations.
    pub iteration: u32,
    /// Cost estimate, in multiply-adds.
    pub cost: u64,
}

/// A sweep's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Tiles of the plan.
    pub total: u32,
    /// Tiles whose scores are kept.
    pub done: u32,
    /// Tiles that workers hold.
    pub leased: u32,
    /// Tiles that were given up.
    pub failed: u32,
    /// Cost of all tiles.
    pub cost_total: u64,
    /// Cost of the tiles that are done.
    pub cost_done: u64,
}

/// What is kept of a sweep that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ended {
    /// The life in which it was submitted.
    since: Epoch,
    progress: Progress,
    /// Where attempts go on when the sweep is resumed: its old leases may still be on their way.
    next_attempt: Attempt,
}

/// A running sweep's place in the order of submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct SweepKey(u64);

/// The state machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scheduler {
    epoch: Epoch,
    now: Now,
    workers: BTreeMap<WorkerId, WorkerSlot>,
    /// Workers that take part in computing.
    able: BTreeSet<WorkerId>,
    /// Workers with room that may find a tile.
    hungry: BTreeSet<WorkerId>,
    /// Workers with room that found none; the next tile that becomes ready makes them hungry.
    starved: BTreeSet<WorkerId>,
    running: BTreeMap<SweepKey, SweepQueue>,
    names: BTreeMap<SweepId, SweepKey>,
    next_key: SweepKey,
    /// Sweeps with ready tiles; the one that was served least comes first.
    by_share: BTreeSet<(u128, SweepKey)>,
    ended: BTreeMap<SweepId, Ended>,
    /// Sweeps with tiles to come, and whether somebody was asked for these.
    open: BTreeMap<SweepId, bool>,
    /// How long it last took to load a model that a running sweep needs.
    load_times: BTreeMap<ModelKey, Duration>,
    /// Of all workers together.
    fleet_rate: Rate,
}

impl Scheduler {
    /// Nothing to do yet. `epoch` fences this life's leases against those of earlier ones.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            now: Now::ZERO,
            workers: BTreeMap::new(),
            able: BTreeSet::new(),
            hungry: BTreeSet::new(),
            starved: BTreeSet::new(),
            running: BTreeMap::new(),
            names: BTreeMap::new(),
            next_key: SweepKey(0),
            by_share: BTreeSet::new(),
            ended: BTreeMap::new(),
            open: BTreeMap::new(),
            load_times: BTreeMap::new(),
            fleet_rate: Rate::default(),
        }
    }

    /// Takes one event and says what to do, in order.
    pub fn apply(&mut self, now: Now, event: Event) -> Vec<Effect> {
        self.now = self.now.max(now);
        let mut effects = Vec::new();
        let is_tick = matches!(event, Event::Tick);
        match event {
            Event::Submitted { sweep, since, model, tiles, priority, past, avoid } => {
                let next_attempt = self.next_attempt(&sweep);
                let queue = SweepQueue::new(sweep, since, model, &tiles, priority, next_attempt, avoid);
                self.submitted(queue, past, &mut effects);
            }
            Event::MoreToCome { sweep } => drop(self.open.insert(sweep, false)),
            Event::Extended { sweep, tiles } => self.extended(&sweep, &tiles, &mut effects),
            Event::Joined { worker, credit, held, loaded } => self.joined(worker, credit, held, loaded, &mut effects),
            Event::Heard { worker } => self.heard(worker),
            Event::Loaded { worker, models } => self.loaded(worker, models),
            Event::Leaving { worker, finishing } => self.leaving(worker, &finishing),
            Event::Draining { worker } => self.draining(worker),
            Event::Lost { worker } => self.lost(worker, "its worker disconnected", &mut effects),
            Event::Failed { worker, lease, reason } => self.failed(worker, lease, &reason, &mut effects),
            Event::Unfit { worker, lease, reason } => self.unfit(worker, lease, reason, &mut effects),
            Event::Released { worker, lease } => self.released(worker, &lease),
            Event::Cancelled { sweep } => self.cancelled(&sweep, &mut effects),
            Event::Tick => {
                self.expire_silent_workers(&mut effects);
                self.take_away_overdue_tiles(&mut effects);
            }
        }
        self.grant_all(&mut effects);
        if is_tick {
            self.compute_late_tiles_twice(&mut effects);
            self.grant_all(&mut effects);
        }
        effects
    }

    /// Takes scores that came, and says what becomes of them before what to do, in order.
    pub fn finish(&mut self, now: Now, finished: Finished) -> (Verdict, Vec<Effect>) {
        self.now = self.now.max(now);
        let mut effects = Vec::new();
        let verdict = self.finished(finished, &mut effects);
        self.grant_all(&mut effects);
        (verdict, effects)
    }

    fn key(&self, sweep: &SweepId) -> Option<SweepKey> {
        self.names.get(sweep).copied()
    }

    /// The running sweep that a lease is of, which may be a later one of that name than the lease's.
    fn key_of(&self, lease: &Lease) -> Option<SweepKey> {
        self.key(&lease.sweep).filter(|key| self.running.get(key).is_some_and(|queue| queue.since <= lease.epoch))
    }

    fn heard(&mut self, worker: WorkerId) {
        if let Some(slot) = self.workers.get_mut(&worker) {
            slot.last_heard = self.now;
        }
    }

    /// Frees the places of some of a worker's leases.
    fn take_leases(&mut self, worker: WorkerId, taken: impl Fn(&Held) -> bool) -> Vec<Held> {
        let Some(slot) = self.workers.get_mut(&worker) else { return Vec::new() };
        let leases = slot.take(self.now, taken);
        self.refresh(worker);
        leases
    }

    /// Frees the place of the lease that a worker answers for.
    fn take_lease(&mut self, worker: WorkerId, lease: &Lease) -> Option<Held> {
        self.take_leases(worker, |held| held.lease == *lease).pop()
    }

    /// Takes some tiles away from a worker, which keeps their places until it answers.
    fn revoke(&mut self, worker: WorkerId, revoked: impl Fn(&Held) -> bool, effects: &mut Vec<Effect>) {
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        let mut taken = Vec::new();
        for held in slot.leases.iter_mut().filter(|held| !held.revoked && revoked(held)) {
            held.revoked = true;
            taken.push(held.clone());
        }
        for held in taken {
            self.hand_back(worker, &held);
            effects.push(Effect::Revoke { worker, lease: held.lease });
        }
    }

    /// A worker does not compute a tile any more, through nobody's fault.
    fn hand_back(&mut self, worker: WorkerId, held: &Held) {
        if let Some(queue) = self.running.get_mut(&held.sweep) {
            queue.let_go(held.lease.tile, worker);
            self.tiles_became_ready(held.sweep);
        }
    }
}

#[cfg(test)]
mod tests;
