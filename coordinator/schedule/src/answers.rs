//! What workers say of leases. It counts only if the worker holds exactly this lease, and it was not revoked.

use std::time::Duration;

use patchsweep_core::ids::{Lease, WorkerId};

use super::tile::{Cause, Fence, Holder, Stage};
use super::worker::Place;
use super::{Effect, Finished, Scheduler, Verdict};

impl Scheduler {
    pub(super) fn finished(&mut self, finished: Finished, effects: &mut Vec<Effect>) -> Verdict {
        let Finished { worker, lease, busy, loading } = finished;
        self.heard(worker);
        let place = self.take_place(worker, &lease);
        if let Some(place) = &place {
            self.computed(worker, place, busy.saturating_sub(loading));
            self.used(worker, place, loading);
        }
        let Some(place) = place.filter(|place| !place.revoked) else {
            let done = self.is_done(&lease);
            effects.push(Effect::Acknowledge { worker, lease });
            return Verdict::Drop { done };
        };
        let queue = self.running.get_mut(&place.sweep).expect("leases of a sweep that has ended are revoked");
        let (others, trouble) = queue.finish(lease.tile, worker);
        let id = queue.id.clone();
        for Holder { worker: other, fence } in others {
            let late = Lease { epoch: fence.epoch, sweep: id.clone(), tile: lease.tile, attempt: fence.attempt };
            self.revoke(other, |place| place.lease == late, effects);
        }
        if let Some(slot) = self.workers.get_mut(&worker) {
            slot.tiles_done += 1;
        }
        effects.push(Effect::Acknowledge { worker, lease });
        self.refute_failures(worker, &trouble, effects);
        self.settle(place.sweep, effects);
        Verdict::Keep
    }

    /// A worker computed a tile, whether or not somebody was faster.
    fn computed(&mut self, worker: WorkerId, place: &Place, computing: Duration) {
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        slot.rate.learn(place.cost, computing);
        slot.record.succeed();
        self.fleet_rate.learn(place.cost, computing);
    }

    /// Whether the scores of this lease's tile are kept.
    fn is_done(&self, lease: &Lease) -> bool {
        match self.key(&lease.sweep).and_then(|key| self.running.get(&key)) {
            Some(queue) => queue.stage(lease.tile) == Some(Stage::Done),
            None => self.ended.get(&lease.sweep).is_some_and(|ended| ended.progress.done == ended.progress.total),
        }
    }

    pub(super) fn failed(&mut self, worker: WorkerId, lease: Lease, reason: &str, effects: &mut Vec<Effect>) {
        self.heard(worker);
        let place = self.take_place(worker, &lease).filter(|place| !place.revoked);
        if let Some(place) = &place
            && let Some(slot) = self.workers.get_mut(&worker)
        {
            let nth = slot.record.fail();
            self.hand_back(worker, place);
            self.strike(worker, place, Cause::Failed { nth }, reason, effects);
        }
        effects.push(Effect::Acknowledge { worker, lease });
        if let Some(place) = place {
            self.settle(place.sweep, effects);
        }
    }

    /// The worker gets no more tiles of the sweep, which waits for another one.
    pub(super) fn unfit(&mut self, worker: WorkerId, lease: Lease, reason: String, effects: &mut Vec<Effect>) {
        self.heard(worker);
        if let Some(place) = self.take_place(worker, &lease).filter(|place| !place.revoked) {
            self.hand_back(worker, &place);
        }
        if let Some(sweep) = self.key(&lease.sweep)
            && self.workers.contains_key(&worker)
            && let Some(queue) = self.running.get_mut(&sweep)
        {
            queue.unfit.insert(worker, reason);
            self.revoke(worker, |place| place.sweep == sweep, effects);
            // What failed on all others was left to this worker.
            self.tiles_became_ready(sweep);
        }
        effects.push(Effect::Acknowledge { worker, lease });
    }

    pub(super) fn released(&mut self, worker: WorkerId, lease: &Lease) {
        self.heard(worker);
        if let Some(place) = self.take_place(worker, lease).filter(|place| !place.revoked) {
            self.hand_back(worker, &place);
        }
    }

    /// Who holds a tile under this place's lease.
    pub(super) fn holder(worker: WorkerId, place: &Place) -> Holder {
        Holder { worker, fence: Fence::from(&place.lease) }
    }
}
