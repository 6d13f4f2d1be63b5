//! Workers that come, and the leases that they bring from an earlier session.

use std::collections::BTreeSet;

use patchsweep_core::ids::{Lease, WorkerId};

use super::tile::{Fence, Holder, Stage, Trouble};
use super::worker::{Held, WorkerSlot};
use super::{Effect, ModelKey, Scheduler, SweepKey};

impl Scheduler {
    pub(super) fn joined(
        &mut self,
        worker: WorkerId,
        credit: u32,
        held: Vec<Lease>,
        loaded: BTreeSet<ModelKey>,
        effects: &mut Vec<Effect>,
    ) {
        if self.workers.contains_key(&worker) {
            return;
        }
        self.workers.insert(worker, WorkerSlot::new(credit, loaded, self.now));
        let is_only = held.len() == 1;
        for lease in held {
            let Some(slot) = self.workers.get(&worker) else { return };
            let has_room = slot.leases.len() < credit as usize;
            if slot.leases.iter().any(|held| held.lease == lease) {
                continue;
            }
            if has_room && self.adopt(worker, &lease, is_only, effects) {
                continue;
            }
            effects.push(Effect::Revoke { worker, lease: lease.clone() });
            if has_room {
                self.seat(worker, lease, None);
            }
        }
        self.refresh(worker);
    }

    /// The lease goes on in this session, if nobody else got its tile in the meantime.
    fn adopt(&mut self, worker: WorkerId, lease: &Lease, is_only: bool, effects: &mut Vec<Effect>) -> bool {
        let Some(sweep) = self.key_of(lease) else { return false };
        if !self.can_have_granted(sweep, lease) {
            return false;
        }
        let came_over = self.acquit_earlier_session(sweep, lease, effects);
        let Some(queue) = self.running.get_mut(&sweep) else { return false };
        let is_suspect = queue.trouble(lease.tile).is_some_and(Trouble::is_suspect);
        let is_free = queue.stage(lease.tile) == Some(Stage::Ready) || came_over;
        if !is_free || is_suspect && !is_only {
            return false;
        }
        queue.hold(lease.tile, Holder { worker, fence: Fence::from(lease) });
        let iteration = queue.slot(lease.tile).map(|slot| slot.info.iteration);
        self.seat(worker, lease.clone(), Some((sweep, is_suspect)));
        if let Some(iteration) = iteration {
            self.remember(worker, sweep, iteration);
        }
        // A worker that kept itself free for a suspect need not any more.
        self.tiles_became_ready(sweep);
        true
    }

    /// Whether a lease of this sweep can be this coordinator's.
    fn can_have_granted(&self, sweep: SweepKey, lease: &Lease) -> bool {
        let slot = self.running.get(&sweep).and_then(|queue| queue.slot(lease.tile));
        slot.is_some_and(|slot| {
            lease.epoch < self.epoch || lease.epoch == self.epoch && lease.attempt < slot.next_attempt
        })
    }

    /// The worker of an earlier session is alive, so that nothing is to blame for its loss. Where that was not even
    /// noticed, all that the session held is free; says whether this lease was among it.
    fn acquit_earlier_session(&mut self, sweep: SweepKey, lease: &Lease, effects: &mut Vec<Effect>) -> bool {
        let Some(queue) = self.running.get(&sweep) else { return false };
        let fence = Fence::from(lease);
        let half_open = queue.holders(lease.tile).iter().find(|holder| holder.fence == fence).map(|by| by.worker);
        let lost = queue.trouble(lease.tile).and_then(|trouble| trouble.lost_under(fence));
        if let Some(session) = half_open {
            self.leaving(session, &[]);
            self.lost(session, "its worker came back", effects);
            effects.push(Effect::Disconnect { worker: session });
        }
        if let Some(session) = lost {
            self.change_troubles(|trouble| trouble.acquit(session));
        }
        half_open.is_some()
    }

    /// Gives a lease a place; one that belongs to no running sweep is revoked.
    fn seat(&mut self, worker: WorkerId, lease: Lease, adopted: Option<(SweepKey, bool)>) {
        let sweep = adopted.map(|(sweep, _)| sweep).or_else(|| self.key_of(&lease));
        let queue = sweep.and_then(|sweep| self.running.get(&sweep));
        let cost = queue.and_then(|queue| queue.slot(lease.tile)).map_or(0, |slot| slot.info.cost);
        let held = Held {
            lease,
            sweep: sweep.unwrap_or(SweepKey::ENDED),
            model: queue.map(|queue| queue.model),
            cost,
            since: self.now,
            revoked: adopted.is_none(),
            alone: adopted.is_some_and(|(_, alone)| alone),
        };
        if let Some(slot) = self.workers.get_mut(&worker) {
            slot.push(held, self.now);
        }
    }
}
