//! What must hold between events.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::ids::{TileId, WorkerId};

use super::sweep::SweepQueue;
use super::tile::{Fence, Stage, Trouble};
use super::worker::{Standing, WorkerSlot};
use super::{MAX_STRIKES, Progress, Scheduler, SweepKey};

impl Scheduler {
    /// Counts everything anew; for tests.
    ///
    /// # Panics
    /// When what workers hold and what sweeps have leased differ, when a lease's model is not its sweep's, when a count or an index is wrong, when a worker
    /// holds more than its credit, and when one has room while a tile is ready that it may take.
    pub fn assert_invariants(&self) {
        for (&worker, slot) in &self.workers {
            self.assert_worker(worker, slot);
        }
        for (&sweep, queue) in &self.running {
            self.assert_sweep(sweep, queue);
        }
        let queued = self.running.iter().filter_map(|(&sweep, queue)| Some((queue.queued_at?, sweep)));
        assert_eq!(queued.collect::<BTreeSet<_>>(), self.by_share, "the order of sweeps");
        let needed: BTreeSet<_> = self.running.values().map(|queue| queue.model).collect();
        assert!(self.load_times.keys().all(|model| needed.contains(model)), "times of models that nobody needs");
        assert_eq!(self.names.len(), self.running.len(), "names of running sweeps");
        let able = self.workers.iter().filter(|(_, slot)| slot.is_able()).map(|(&worker, _)| worker);
        assert_eq!(able.collect::<BTreeSet<_>>(), self.able, "workers that take part");
        let with_room = self.workers.iter().filter(|(_, slot)| slot.has_room()).map(|(&worker, _)| worker);
        let found: BTreeSet<_> = self.hungry.union(&self.starved).copied().collect();
        assert_eq!(with_room.collect::<BTreeSet<_>>(), found, "workers with room");
    }

    fn assert_worker(&self, worker: WorkerId, slot: &WorkerSlot) {
        assert!(slot.leases.len() <= slot.credit as usize, "{worker} holds more than its credit");
        if slot.stuck_on.is_some() || matches!(slot.standing, Standing::Quarantined { .. }) {
            assert!(slot.leases.iter().all(|held| held.revoked), "{worker} holds tiles that it does not compute");
        }
        for held in slot.leases.iter().filter(|held| !held.revoked) {
            let queue = self.running.get(&held.sweep);
            assert_eq!(held.model, queue.map(|queue| queue.model), "the model of {:?}", held.lease);
            let holders = queue.map_or(&[][..], |queue| queue.holders(held.lease.tile));
            let fence = Fence::from(&held.lease);
            let known = holders.iter().any(|holder| holder.worker == worker && holder.fence == fence);
            assert!(known, "{worker} holds {:?}, but the sweep does not know", held.lease);
        }
        assert!(slot.computing_since >= slot.head_since, "{worker} computes what it has not in hand");
        if slot.computes_alone() {
            assert_eq!(slot.leases.len(), 1, "{worker} computes a suspect, but not alone");
        }
        let next = self.next_tile(worker);
        assert_eq!(next, None, "{worker} idles while a tile is ready for it");
    }

    fn assert_sweep(&self, sweep: SweepKey, queue: &SweepQueue) {
        let mut counted = Progress { cost_total: queue.progress().cost_total, ..Progress::default() };
        let mut ready = BTreeSet::new();
        for (tile, slot) in queue.tiles() {
            counted.total += 1;
            let holders = queue.holders(tile).len();
            assert_eq!(
                holders > 0,
                slot.stage == Stage::Leased,
                "{tile} has {holders} holders and is {:?}",
                slot.stage
            );
            assert!(holders <= 2, "{tile} has {holders} holders");
            let strikes = queue.trouble(tile).map_or(0, Trouble::strike_count);
            assert!(strikes < MAX_STRIKES, "{tile} has {strikes} strikes");
            match slot.stage {
                Stage::Ready => drop(ready.insert(tile)),
                Stage::Leased => counted.leased += 1,
                Stage::Done => {
                    counted.done += 1;
                    counted.cost_done += slot.info.cost;
                }
                Stage::GivenUp => counted.failed += 1,
            }
            self.assert_holders(sweep, queue, tile);
        }
        assert_eq!(counted, queue.progress(), "counts of {}", queue.id);
        assert_eq!(queue.count_under_way(), queue.under_way(), "what is under way of {}", queue.id);
        let mut held: BTreeMap<u32, u32> = BTreeMap::new();
        for iteration in self.workers.values().flat_map(|slot| slot.iterations_of(sweep)) {
            *held.entry(iteration).or_default() += 1;
        }
        assert_eq!(queue.ready.all(), (ready, &held), "ready tiles and holders of iterations of {}", queue.id);
    }

    fn assert_holders(&self, sweep: SweepKey, queue: &SweepQueue, tile: TileId) {
        for holder in queue.holders(tile) {
            let slot = self.workers.get(&holder.worker);
            let holds = slot.is_some_and(|slot| {
                slot.leases.iter().any(|held| {
                    !held.revoked
                        && held.sweep == sweep
                        && held.lease.tile == tile
                        && Fence::from(&held.lease) == holder.fence
                })
            });
            assert!(holds, "{tile} is leased to {}, which does not know", holder.worker);
        }
    }
}
