//! Who computes what: a pure state machine.
//!
//! [`Scheduler::apply`] takes what happened and says what to do. There is no clock, no randomness and no
//! I/O inside: time comes in with each event, so that every run can be simulated and replayed.

mod event;
mod grants;
mod sweep;
mod worker;

use std::collections::BTreeMap;
use std::time::Duration;

use patchsweep_proto::ids::{Attempt, Epoch, Lease, SweepId, TileId, WorkerId};

pub use event::{Effect, Event, Outcome};

use sweep::{SweepQueue, TileState};
use worker::WorkerSlot;

/// Time since the coordinator started.
pub type Now = Duration;

/// Failures after which a tile, and with it its sweep, is given up.
pub const MAX_FAILURES: u32 = 3;

/// Workers lost with a tile in hand after which it is given up. More than failures: workers are also lost
/// for reasons of their own.
pub const MAX_LOSSES: u32 = 5;

/// A worker that has been silent this long is taken for dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(15);

/// What the scheduler knows of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileInfo {
    /// Tiles of one iteration share cached activations.
    pub iteration: u32,
    /// Cost estimate, in multiply-adds.
    pub cost: u64,
}

/// A sweep's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tiles of the plan.
    pub total: u32,
    /// Tiles whose scores are kept.
    pub done: u32,
    /// Tiles that workers hold.
    pub leased: u32,
    /// Cost of all tiles.
    pub cost_total: u64,
    /// Cost of the tiles that are done.
    pub cost_done: u64,
}

/// The state machine.
#[derive(Debug)]
pub struct Scheduler {
    epoch: Epoch,
    workers: BTreeMap<WorkerId, WorkerSlot>,
    /// Running sweeps, oldest first.
    running: Vec<SweepQueue>,
    ended: BTreeMap<SweepId, Progress>,
}

impl Scheduler {
    /// Nothing to do yet. `epoch` fences this life's leases against those of earlier ones.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch, workers: BTreeMap::new(), running: Vec::new(), ended: BTreeMap::new() }
    }

    /// Takes one event and says what to do, in order.
    pub fn apply(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Submitted { sweep, tiles } => {
                self.running.push(SweepQueue::new(sweep.clone(), &tiles));
                self.end_if_complete(&sweep, &mut effects);
            }
            Event::Joined { worker, credit } => {
                self.workers.insert(worker, WorkerSlot::new(credit, now));
            }
            Event::Heard { worker } => self.heard(worker, now),
            Event::Leaving { worker } => self.leaving(worker),
            Event::Lost { worker } => self.lost(worker, "its worker disconnected", &mut effects),
            Event::Finished { worker, lease } => {
                self.heard(worker, now);
                self.finished(worker, &lease, &mut effects);
            }
            Event::Failed { worker, lease, reason } => {
                self.heard(worker, now);
                self.failed(worker, &lease, &reason, &mut effects);
            }
            Event::Unfit { worker, lease, reason } => {
                self.heard(worker, now);
                self.unfit(worker, &lease, &reason, &mut effects);
            }
            Event::Cancelled { sweep } => self.end(&sweep, Outcome::Cancelled, &mut effects),
            Event::Tick => self.expire_silent_workers(now, &mut effects),
        }
        self.grant_all(&mut effects);
        effects
    }

    /// A sweep's counts; `None` for one that was never submitted.
    #[must_use]
    pub fn progress(&self, sweep: &SweepId) -> Option<Progress> {
        let running = self.running.iter().find(|queue| queue.id == *sweep).map(SweepQueue::progress);
        running.or_else(|| self.ended.get(sweep).copied())
    }

    /// Connected workers.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        self.workers.len()
    }

    fn queue(&mut self, sweep: &SweepId) -> Option<&mut SweepQueue> {
        self.running.iter_mut().find(|queue| queue.id == *sweep)
    }

    /// The queue and index of the tile that this worker holds under this very lease.
    fn held(&mut self, worker: WorkerId, lease: &Lease) -> Option<(&mut SweepQueue, TileId)> {
        if lease.epoch != self.epoch {
            return None;
        }
        let queue = self.queue(&lease.sweep)?;
        let state = TileState::Leased { worker, attempt: lease.attempt };
        (queue.state(lease.tile) == Some(state)).then_some((queue, lease.tile))
    }

    fn heard(&mut self, worker: WorkerId, now: Now) {
        if let Some(slot) = self.workers.get_mut(&worker) {
            slot.last_heard = now;
        }
    }

    fn finished(&mut self, worker: WorkerId, lease: &Lease, effects: &mut Vec<Effect>) {
        let kept = self.held(worker, lease).map(|(queue, tile)| queue.finish(tile)).is_some();
        if let Some(slot) = self.workers.get_mut(&worker) {
            slot.release(lease);
        }
        if kept {
            effects.push(Effect::Keep { lease: lease.clone() });
        }
        effects.push(Effect::Acknowledge { worker, lease: lease.clone() });
        if kept {
            self.end_if_complete(&lease.sweep, effects);
        }
    }

    fn failed(&mut self, worker: WorkerId, lease: &Lease, reason: &str, effects: &mut Vec<Effect>) {
        let failures = self.held(worker, lease).map(|(queue, tile)| queue.fail(tile, worker));
        if let Some(slot) = self.workers.get_mut(&worker) {
            slot.release(lease);
        }
        effects.push(Effect::Acknowledge { worker, lease: lease.clone() });
        if failures.is_some_and(|failures| failures >= MAX_FAILURES) {
            let reason = format!("tile {} failed {MAX_FAILURES} times, last on {worker}: {reason}", lease.tile);
            self.end(&lease.sweep, Outcome::Failed { reason }, effects);
        }
    }

    /// The worker gets no more tiles of the sweep; the sweep fails only if nobody else is there.
    fn unfit(&mut self, worker: WorkerId, lease: &Lease, reason: &str, effects: &mut Vec<Effect>) {
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        slot.unfit_for.insert(lease.sweep.clone());
        for held in slot.release_sweep(&lease.sweep) {
            self.hand_back(worker, &held);
            if held != *lease {
                effects.push(Effect::Revoke { worker, lease: held });
            }
        }
        effects.push(Effect::Acknowledge { worker, lease: lease.clone() });
        if self.others(worker, &lease.sweep).is_empty() {
            let reason = format!("no other worker is there for tile {} than {worker}: {reason}", lease.tile);
            self.end(&lease.sweep, Outcome::Failed { reason }, effects);
        }
    }

    fn leaving(&mut self, worker: WorkerId) {
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        slot.leaving = true;
        for lease in std::mem::take(&mut slot.leases) {
            self.hand_back(worker, &lease);
        }
    }

    fn hand_back(&mut self, worker: WorkerId, lease: &Lease) {
        if let Some((queue, tile)) = self.held(worker, lease) {
            queue.hand_back(tile);
        }
    }

    /// Only the lease in hand can have been the reason; those that waited behind it are handed back.
    fn lost(&mut self, worker: WorkerId, reason: &str, effects: &mut Vec<Effect>) {
        let Some(slot) = self.workers.remove(&worker) else { return };
        let mut leases = slot.leases.into_iter();
        let in_hand = leases.next();
        for lease in leases {
            self.hand_back(worker, &lease);
        }
        let Some(lease) = in_hand else { return };
        let losses = self.held(worker, &lease).map(|(queue, tile)| queue.lose(tile));
        if losses.is_some_and(|losses| losses >= MAX_LOSSES) {
            let reason = format!("tile {} lost {MAX_LOSSES} workers, last {worker}: {reason}", lease.tile);
            self.end(&lease.sweep, Outcome::Failed { reason }, effects);
        }
    }

    fn expire_silent_workers(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let silent = |slot: &WorkerSlot| now.saturating_sub(slot.last_heard) >= DEAD_AFTER;
        let dead: Vec<_> = self.workers.iter().filter(|(_, slot)| silent(slot)).map(|(&id, _)| id).collect();
        for worker in dead {
            self.lost(worker, "its worker fell silent", effects);
            effects.push(Effect::Disconnect { worker });
        }
    }

    fn end_if_complete(&mut self, sweep: &SweepId, effects: &mut Vec<Effect>) {
        let complete = self.queue(sweep).is_some_and(|queue| {
            let progress = queue.progress();
            progress.done == progress.total
        });
        if complete {
            self.end(sweep, Outcome::Done, effects);
        }
    }

    fn end(&mut self, sweep: &SweepId, outcome: Outcome, effects: &mut Vec<Effect>) {
        let Some(index) = self.running.iter().position(|queue| queue.id == *sweep) else { return };
        let queue = self.running.remove(index);
        self.ended.insert(queue.id.clone(), Progress { leased: 0, ..queue.progress() });
        for (&worker, slot) in &mut self.workers {
            slot.held_iterations.retain(|(held, _)| held != sweep);
            let revoked = slot.release_sweep(sweep).into_iter();
            effects.extend(revoked.map(|lease| Effect::Revoke { worker, lease }));
        }
        effects.push(Effect::Ended { sweep: sweep.clone(), outcome });
    }
}

/// The first attempt at a tile.
const FIRST_ATTEMPT: Attempt = Attempt(1);

#[cfg(test)]
mod tests;
