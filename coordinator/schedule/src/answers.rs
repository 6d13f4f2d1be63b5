//! What workers say of leases. It counts only if the worker holds exactly this lease, and it was not revoked.

use std::time::Duration;

use patchsweep_core::ids::{Lease, WorkerId};

use super::tile::{Cause, Fence, Holder, Stage};
use super::worker::Held;
use super::{Effect, Finished, Scheduler, Verdict};

impl Scheduler {
    pub(super) fn finished(&mut self, finished: Finished, effects: &mut Vec<Effect>) -> Verdict {
        let Finished { worker, lease, busy, loading } = finished;
        self.heard(worker);
        let held = self.take_lease(worker, &lease);
        if let Some(held) = &held {
            self.computed(worker, held, busy.saturating_sub(loading));
            self.used(worker, held, loading);
        }
        let Some(held) = held.filter(|held| !held.revoked) else {
            let done = self.is_done(&lease);
            effects.push(Effect::Acknowledge { worker, lease });
            return Verdict::Drop { done };
        };
        let queue = self.running.get_mut(&held.sweep).expect("leases of a sweep that has ended are revoked");
        let (others, trouble) = queue.finish(lease.tile, worker);
        let id = queue.id.clone();
        for Holder { worker: other, fence } in others {
            let late = Lease { epoch: fence.epoch, sweep: id.clone(), tile: lease.tile, attempt: fence.attempt };
            self.revoke(other, |held| held.lease == late, effects);
        }
        if let Some(slot) = self.workers.get_mut(&worker) {
            slot.tiles_done += 1;
        }
        effects.push(Effect::Acknowledge { worker, lease });
        self.refute_failures(worker, &trouble, effects);
        self.settle(held.sweep, effects);
        Verdict::Keep
    }

    /// A worker computed a tile, whether or not somebody was faster.
    fn computed(&mut self, worker: WorkerId, held: &Held, computing: Duration) {
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        slot.rate.learn(held.cost, computing);
        slot.record.succeed();
        self.fleet_rate.learn(held.cost, computing);
    }

    /// Whether the scores of this lease's tile are kept.
    fn is_done(&self, lease: &Lease) -> bool {
        if let Some(queue) = self.key_of(lease).and_then(|key| self.running.get(&key)) {
            return queue.stage(lease.tile) == Some(Stage::Done);
        }
        let ended = self.ended.get(&lease.sweep).filter(|ended| ended.since <= lease.epoch);
        ended.is_some_and(|ended| ended.progress.done == ended.progress.total)
    }

    pub(super) fn failed(&mut self, worker: WorkerId, lease: Lease, reason: &str, effects: &mut Vec<Effect>) {
        self.heard(worker);
        let held = self.take_lease(worker, &lease).filter(|held| !held.revoked);
        if let Some(held) = &held
            && let Some(slot) = self.workers.get_mut(&worker)
        {
            let nth = slot.record.fail();
            self.hand_back(worker, held);
            self.strike(worker, held, Cause::Failed { nth }, reason, effects);
        }
        effects.push(Effect::Acknowledge { worker, lease });
        if let Some(held) = held {
            self.settle(held.sweep, effects);
        }
    }

    /// The worker gets no more tiles of the sweep, which waits for another one.
    pub(super) fn unfit(&mut self, worker: WorkerId, lease: Lease, reason: String, effects: &mut Vec<Effect>) {
        self.heard(worker);
        if let Some(held) = self.take_lease(worker, &lease).filter(|held| !held.revoked) {
            self.hand_back(worker, &held);
        }
        if let Some(sweep) = self.key_of(&lease)
            && self.workers.contains_key(&worker)
            && let Some(queue) = self.running.get_mut(&sweep)
        {
            queue.unfit.insert(worker, reason);
            self.revoke(worker, |held| held.sweep == sweep, effects);
            // What failed on all others was left to this worker.
            self.tiles_became_ready(sweep);
        }
        effects.push(Effect::Acknowledge { worker, lease });
    }

    pub(super) fn released(&mut self, worker: WorkerId, lease: &Lease) {
        self.heard(worker);
        if let Some(held) = self.take_lease(worker, lease).filter(|held| !held.revoked) {
            self.hand_back(worker, &held);
        }
    }

    /// Who holds a tile under this lease.
    pub(super) fn holder(worker: WorkerId, held: &Held) -> Holder {
        Holder { worker, fence: Fence::from(&held.lease) }
    }
}
