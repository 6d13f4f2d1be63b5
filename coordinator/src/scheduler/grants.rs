//! Which worker gets which tile next.

use std::collections::BTreeSet;

use patchsweep_proto::ids::{Lease, SweepId, WorkerId};

use super::sweep::{SweepQueue, TileState};
use super::worker::WorkerSlot;
use super::{Effect, Scheduler};

impl Scheduler {
    /// Grants until no worker has credit left or no tile is ready. One lease a worker and round, so that
    /// the last tiles are spread over the workers.
    pub(super) fn grant_all(&mut self, effects: &mut Vec<Effect>) {
        loop {
            let before = effects.len();
            let workers: Vec<_> = self.workers.keys().copied().collect();
            effects.extend(workers.into_iter().filter_map(|worker| self.grant_one(worker)));
            if effects.len() == before {
                return;
            }
        }
    }

    fn grant_one(&mut self, worker: WorkerId) -> Option<Effect> {
        if !self.workers.get(&worker)?.has_credit() {
            return None;
        }
        let (index, iteration) = (0..self.running.len())
            .find_map(|index| Some((index, self.pick_iteration(worker, &self.running[index])?)))?;
        let sweep = self.running[index].id.clone();
        let others = self.others(worker, &sweep);
        let (tile, attempt) = self.running[index].lease(iteration, worker, &others)?;
        let slot = self.workers.get_mut(&worker)?;
        let lease = Lease { epoch: self.epoch, sweep: sweep.clone(), tile, attempt };
        slot.leases.push(lease.clone());
        slot.held_iterations.insert((sweep, iteration));
        Some(Effect::Grant { worker, lease })
    }

    /// Workers besides this one that take leases of a sweep.
    pub(super) fn others(&self, worker: WorkerId, sweep: &SweepId) -> BTreeSet<WorkerId> {
        let others = self.workers.iter().filter(|(id, _)| **id != worker);
        others.filter(|(_, slot)| !slot.leaving && !slot.unfit_for.contains(sweep)).map(|(&id, _)| id).collect()
    }

    /// The iteration whose corrupted activations this worker holds; else the one that fewest others hold.
    fn pick_iteration(&self, worker: WorkerId, queue: &SweepQueue) -> Option<u32> {
        if !queue.has_ready() || self.workers.get(&worker)?.unfit_for.contains(&queue.id) {
            return None;
        }
        let others = self.others(worker, &queue.id);
        let holds = |slot: &WorkerSlot, iteration| slot.held_iterations.contains(&(queue.id.clone(), iteration));
        let key = |&iteration: &u32| {
            let held_here = self.workers.get(&worker).is_some_and(|slot| holds(slot, iteration));
            let held_elsewhere = self.workers.values().filter(|slot| holds(slot, iteration)).count();
            (!held_here, held_elsewhere, iteration)
        };
        queue.iterations_for(worker, &others).min_by_key(key)
    }

    /// Checks what must hold between events; for tests.
    ///
    /// # Panics
    /// When a lease is known to a sweep but not to its worker, or the other way round.
    pub fn sanity_check(&self) {
        let held: usize = self.workers.values().map(|slot| slot.leases.len()).sum();
        let leased: u32 = self.running.iter().map(|queue| queue.progress().leased).sum();
        assert_eq!(held, leased as usize, "leases that workers hold and leases that sweeps count");
        for (&worker, slot) in &self.workers {
            assert!(slot.leases.len() <= slot.credit as usize, "{worker} holds more than its credit");
            for lease in &slot.leases {
                let queue = self.running.iter().find(|queue| queue.id == lease.sweep);
                let state = queue.and_then(|queue| queue.state(lease.tile));
                assert_eq!(state, Some(TileState::Leased { worker, attempt: lease.attempt }));
            }
        }
        for (&worker, _) in self.workers.iter().filter(|(_, slot)| slot.has_credit()) {
            let idle = self.running.iter().all(|queue| self.pick_iteration(worker, queue).is_none());
            assert!(idle, "{worker} idles while a tile is ready for it");
        }
    }
}
