//! Which worker gets which tile next.

use patchsweep_core::ids::{Lease, TileId, WorkerId};

use super::ready::Shun;
use super::sweep::SweepQueue;
use super::tile::Trouble;
use super::worker::{Held, WorkerSlot};
use super::{Effect, Scheduler, SweepKey};

impl Scheduler {
    /// Grants until no worker has room or no tile is ready. One lease a worker and round, so that the last tiles are
    /// spread over the workers.
    pub(super) fn grant_all(&mut self, effects: &mut Vec<Effect>) {
        if self.has_suspects() {
            // Which workers keep themselves free for them changes with everything that workers do.
            self.hungry.append(&mut self.starved);
        }
        while !self.hungry.is_empty() && !self.by_share.is_empty() {
            for worker in std::mem::take(&mut self.hungry) {
                match self.next_tile(worker) {
                    Some((sweep, tile)) => effects.extend(self.grant(worker, sweep, tile)),
                    None => drop(self.starved.insert(worker)),
                }
            }
        }
    }

    /// Leases a tile to a worker.
    pub(super) fn grant(&mut self, worker: WorkerId, sweep: SweepKey, tile: TileId) -> Option<Effect> {
        let queue = self.running.get_mut(&sweep)?;
        let slot = self.workers.get_mut(&worker)?;
        let info = queue.slot(tile)?.info;
        let alone = queue.trouble(tile).is_some_and(Trouble::is_suspect);
        let fence = queue.lease(tile, worker, self.epoch);
        let lease = Lease { epoch: fence.epoch, sweep: queue.id.clone(), tile, attempt: fence.attempt };
        let (model, cost, since) = (Some(queue.model), info.cost, self.now);
        let held = Held { lease: lease.clone(), sweep, model, cost, since, revoked: false, alone };
        slot.push(held, self.now);
        self.remember(worker, sweep, info.iteration);
        self.refresh(worker);
        self.reorder(sweep);
        if alone || self.has_suspects() {
            // A worker that kept itself free for this suspect need not any more; or this worker now keeps itself free
            // for other suspects, whose model it will have.
            self.hungry.append(&mut self.starved);
        }
        Some(Effect::Grant { worker, lease })
    }

    /// The worker has an iteration's activations from now on.
    pub(super) fn remember(&mut self, worker: WorkerId, sweep: SweepKey, iteration: u32) {
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        let (is_new, dropped) = slot.remember(sweep, iteration);
        if is_new && let Some(queue) = self.running.get_mut(&sweep) {
            queue.ready.hold(iteration);
        }
        if let Some((sweep, iteration)) = dropped
            && let Some(queue) = self.running.get_mut(&sweep)
        {
            queue.ready.unhold(iteration);
        }
    }

    /// Brings the sets of workers up to date after one of them changed.
    pub(super) fn refresh(&mut self, worker: WorkerId) {
        let slot = self.workers.get(&worker);
        if slot.is_some_and(WorkerSlot::is_able) {
            self.able.insert(worker);
        } else if self.able.remove(&worker) {
            // What failed on all others was left to this one.
            self.hungry.append(&mut self.starved);
        }
        self.starved.remove(&worker);
        if slot.is_some_and(WorkerSlot::has_room) {
            self.hungry.insert(worker);
        } else {
            self.hungry.remove(&worker);
        }
    }

    /// The tile that this worker should compute next: of the sweep that was served least, or of one whose model it has, as
    /// long as the former can wait. A suspect does not wait.
    pub(super) fn next_tile(&self, worker: WorkerId) -> Option<(SweepKey, TileId)> {
        let slot = self.workers.get(&worker)?;
        if !slot.has_room() || !slot.is_idle() && self.is_kept_free(worker) {
            return None;
        }
        let mut next = None;
        for &(_, sweep) in &self.by_share {
            let Some(queue) = self.running.get(&sweep) else { continue };
            let has_model = slot.will_have(queue.model);
            if let Some((_, tile, due)) = next
                && !(has_model && self.stays(slot, (sweep, queue), (tile, due)))
            {
                continue;
            }
            match self.tile_of(worker, slot, sweep, queue) {
                Some((tile, is_suspect)) if has_model || is_suspect => return Some((sweep, tile)),
                Some((tile, _)) => next = Some((sweep, tile, queue)),
                None => {}
            }
        }
        next.map(|(sweep, tile, _)| (sweep, tile))
    }

    /// The tile of a sweep that this worker should compute next, and whether it is a suspect.
    fn tile_of(
        &self,
        worker: WorkerId,
        slot: &WorkerSlot,
        sweep: SweepKey,
        queue: &SweepQueue,
    ) -> Option<(TileId, bool)> {
        if queue.unfit.contains_key(&worker) {
            return None;
        }
        let suspect = if slot.is_idle() { self.suspect_for(worker, queue) } else { None };
        let may_take = |shun: &Shun| self.may_take(worker, queue, shun);
        let other = || queue.ready.pick(slot.iterations_of(sweep), may_take);
        suspect.map(|tile| (tile, true)).or_else(|| Some((other()?, false)))
    }

    /// A tile that failed on this worker is left to the others, while there is one that it has not failed on. One that the
    /// worker avoids is left to them, while there is one of those that does not.
    fn may_take(&self, worker: WorkerId, queue: &SweepQueue, shun: &Shun) -> bool {
        let Shun { failed_on, avoided_by, .. } = shun;
        let fresh = |other: &WorkerId| !failed_on.contains(other) && !queue.unfit.contains_key(other);
        let better = |other: &WorkerId| fresh(other) && !avoided_by.contains(other);
        (!failed_on.contains(&worker) || !self.able.iter().any(fresh))
            && (!avoided_by.contains(&worker) || !self.able.iter().any(better))
    }

    fn has_suspects(&self) -> bool {
        let mut queues = self.by_share.iter().filter_map(|(_, sweep)| self.running.get(sweep));
        queues.any(|queue| queue.ready.has_suspects())
    }

    fn suspect_for(&self, worker: WorkerId, queue: &SweepQueue) -> Option<TileId> {
        queue.ready.suspect(|shun| self.may_take(worker, queue, shun))
    }

    /// Suspects need a worker without other leases. Where all are busy, one gets nothing more until it has finished what
    /// it holds; otherwise suspects would wait as long as there is other work.
    fn is_kept_free(&self, worker: WorkerId) -> bool {
        let suspected = self.running.values().filter(|queue| queue.ready.has_suspects());
        suspected.into_iter().any(|queue| self.kept_free_for(queue) == Some(worker))
    }

    fn kept_free_for(&self, queue: &SweepQueue) -> Option<WorkerId> {
        let free_for = |worker: &&WorkerId| {
            let alone = self.workers.get(worker).is_some_and(WorkerSlot::computes_alone);
            !alone && !queue.unfit.contains_key(worker) && self.suspect_for(**worker, queue).is_some()
        };
        let free = || self.able.iter().filter(free_for);
        free().find(|&&worker| self.will_have(worker, queue)).or_else(|| free().next()).copied()
    }
}
