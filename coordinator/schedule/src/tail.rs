//! The last tiles of a sweep: those that take long are computed a second time by workers that have nothing else to do.

use std::time::Duration;

use patchsweep_core::ids::{TileId, WorkerId};

use super::worker::{Held, WorkerSlot};
use super::{Effect, Now, Scheduler, SweepKey};

/// A lease is late when it takes so many times longer than expected.
pub const LATE_FACTOR: u32 = 3;

/// No lease is late sooner.
pub const SHORTEST_LATE: Duration = Duration::from_secs(1);

impl Scheduler {
    /// Comes after all ready tiles are granted, so that a worker that is idle then can take none of them.
    pub(super) fn compute_late_tiles_twice(&mut self, effects: &mut Vec<Effect>) {
        let with_room = self.hungry.union(&self.starved).copied();
        let mut idle: Vec<WorkerId> =
            with_room.filter(|worker| self.workers.get(worker).is_some_and(WorkerSlot::is_idle)).collect();
        if idle.is_empty() {
            return;
        }
        for (_, sweep, tile) in self.late_tiles() {
            let Some(queue) = self.running.get(&sweep) else { continue };
            let is_fit = |worker: &WorkerId| !queue.unfit.contains_key(worker) && !queue.is_avoided_by(tile, *worker);
            let has_model = |worker: &WorkerId| self.will_have(*worker, queue);
            let best = idle.iter().position(|worker| is_fit(worker) && has_model(worker));
            if let Some(index) = best.or_else(|| idle.iter().position(is_fit)) {
                let worker = idle.remove(index);
                effects.extend(self.grant(worker, sweep, tile));
            }
        }
    }

    /// Held once and late, the oldest first. A tile with a bad record is not given to two workers at once.
    fn late_tiles(&self) -> Vec<(Now, SweepKey, TileId)> {
        let mut late = Vec::new();
        for slot in self.workers.values() {
            for held in slot.leases.iter().filter(|held| !held.revoked && self.is_late(slot, held)) {
                let queue = self.running.get(&held.sweep);
                let tile = held.lease.tile;
                if queue.is_some_and(|queue| queue.holders(tile).len() == 1 && queue.trouble(tile).is_none()) {
                    late.push((held.since, held.sweep, tile));
                }
            }
        }
        late.sort_unstable();
        late
    }

    fn is_late(&self, slot: &WorkerSlot, held: &Held) -> bool {
        self.expected(slot, held).is_some_and(|expected| {
            self.now.saturating_sub(held.since) > SHORTEST_LATE.max(expected.saturating_mul(LATE_FACTOR))
        })
    }
}
