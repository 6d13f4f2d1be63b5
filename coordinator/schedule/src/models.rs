//! Which models workers have loaded, and what loading another one costs.

use std::collections::BTreeSet;
use std::time::Duration;

use patchsweep_core::ids::{TileId, WorkerId};

use super::sweep::SweepQueue;
use super::worker::{Held, WorkerSlot};
use super::{FIRST_DEADLINE, Scheduler, SweepKey};

/// What decides which weights a worker loads: sweeps with equal keys are computed with the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelKey(pub u64);

/// A worker that would have to change back keeps to the models that it has loaded until a sweep of another one is behind
/// by more than the fastest worker computes in so many times what loading takes. Changes there and back take in twice that,
/// so that a worker loads for about a twentieth of its time.
pub const LOADS_BEHIND: u32 = 10;

/// No load counts as shorter: cached activations may have to go for it.
pub const SHORTEST_LOAD: Duration = Duration::from_secs(1);

impl Scheduler {
    /// A worker reports which models it has loaded.
    pub(super) fn loaded(&mut self, worker: WorkerId, models: BTreeSet<ModelKey>) {
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        let needs = slot.leases.first().and_then(|held| held.model);
        if needs.is_some_and(|model| models.contains(&model) && !slot.loaded.contains(&model)) {
            slot.computing_since = self.now;
        }
        slot.loaded = models;
    }

    /// A worker computed a tile with this lease's model, and loaded it for so long before.
    pub(super) fn used(&mut self, worker: WorkerId, held: &Held, loading: Duration) {
        let Some(model) = held.model else { return };
        if let Some(slot) = self.workers.get_mut(&worker)
            && !slot.loaded.contains(&model)
        {
            // What became of the others it has not reported.
            slot.loaded = BTreeSet::from([model]);
        }
        if !loading.is_zero() && self.running.contains_key(&held.sweep) {
            self.load_times.insert(model, loading.min(FIRST_DEADLINE));
        }
    }

    /// A sweep of this model has ended.
    pub(super) fn forget_model(&mut self, model: ModelKey) {
        if !self.running.values().any(|queue| queue.model == model) {
            self.load_times.remove(&model);
        }
    }

    /// Whether a worker will have a sweep's model in memory when it comes to a tile that it is granted now.
    pub(super) fn will_have(&self, worker: WorkerId, queue: &SweepQueue) -> bool {
        self.workers.get(&worker).is_some_and(|slot| slot.will_have(queue.model))
    }

    fn load_time(&self, model: ModelKey) -> Duration {
        self.load_times.get(&model).map_or(SHORTEST_LOAD, |&measured| measured.max(SHORTEST_LOAD))
    }

    /// How long a worker should take for a tile, loading its model included; `None` while no rate is known.
    pub(super) fn expected(&self, slot: &WorkerSlot, held: &Held) -> Option<Duration> {
        let computing = slot.rate.or(self.fleet_rate).expected(held.cost)?;
        let loading = held.model.filter(|model| !slot.loaded.contains(model)).map(|model| self.load_time(model));
        Some(computing.saturating_add(loading.unwrap_or_default()))
    }

    /// Whether a worker stays with a sweep whose model it has, although it would have to load one for the sweep that
    /// comes next.
    ///
    /// It changes as soon as the other one is behind by what loading costs, if that divides the workers better: then
    /// nobody will have to change back. Otherwise it waits until the other one is behind by many times that, for the
    /// fastest worker: slow ones would run to and fro after what fast ones leave behind. What the sweep's workers hold is
    /// no part of its lead then, or all that finish at the same time would change together.
    pub(super) fn stays(&self, slot: &WorkerSlot, with: (SweepKey, &SweepQueue), next: (TileId, &SweepQueue)) -> bool {
        let (_, queue) = with;
        let (_, other) = next;
        let worth = |rate: u64| u128::from(rate) * self.load_time(other.model).as_millis() / 1000;
        let rate = slot.rate.or(self.fleet_rate).get().unwrap_or(0);
        let lead = queue.served.saturating_sub(other.served);
        if divides_better(slot, with, next) {
            return other.multiply_adds(lead) <= worth(rate);
        }
        let lead = other.multiply_adds(lead.saturating_sub(queue.under_way())) / u128::from(LOADS_BEHIND);
        lead <= worth(rate) || lead <= worth(self.fastest())
    }

    /// Multiply-adds per second of the fastest worker.
    fn fastest(&self) -> u64 {
        self.workers.values().filter_map(|slot| slot.rate.get()).max().unwrap_or(0)
    }
}

/// Whether a sweep's other workers hold at least as much of it, for its priority, as those of the next one hold of that,
/// once this worker is one of them.
fn divides_better(slot: &WorkerSlot, with: (SweepKey, &SweepQueue), next: (TileId, &SweepQueue)) -> bool {
    let ((sweep, queue), (tile, other)) = (with, next);
    let held = slot.leases.iter().filter(|held| !held.revoked && held.sweep == sweep);
    let held: u64 = held.fold(0, |sum, held| sum.saturating_add(held.cost));
    let coming = held.saturating_add(other.slot(tile).map_or(0, |slot| slot.info.cost));
    queue.under_way().saturating_sub(queue.share(held)) >= other.under_way() + other.share(coming)
}
