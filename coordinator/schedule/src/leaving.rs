//! Workers that go: in order, or not.

use patchsweep_core::ids::{Lease, WorkerId};

use super::tile::Cause;
use super::worker::Standing;
use super::{Effect, Scheduler};

impl Scheduler {
    /// The worker hands back all leases but those that it finishes; nobody is to blame.
    pub(super) fn leaving(&mut self, worker: WorkerId, finishing: &[Lease]) {
        self.heard(worker);
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        slot.standing = Standing::Leaving;
        for held in self.take_leases(worker, |held| !finishing.contains(&held.lease)) {
            if !held.revoked {
                self.hand_back(worker, &held);
            }
        }
    }

    pub(super) fn draining(&mut self, worker: WorkerId) {
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        if slot.standing != Standing::Leaving {
            slot.standing = Standing::Draining;
            self.refresh(worker);
        }
    }

    /// A worker is gone. One that had announced it left in order; else what it held alone is to blame, and of several
    /// tiles each is suspected.
    pub(super) fn lost(&mut self, worker: WorkerId, reason: &str, effects: &mut Vec<Effect>) {
        let Some(slot) = self.workers.remove(&worker) else { return };
        self.refresh(worker);
        for &(sweep, iteration) in slot.iterations() {
            if let Some(queue) = self.running.get_mut(&sweep) {
                queue.ready.unhold(iteration);
            }
        }
        for queue in self.running.values_mut() {
            queue.unfit.remove(&worker);
        }
        let is_planned = slot.standing == Standing::Leaving;
        let held_one = slot.leases.len() == 1;
        for held in slot.leases.iter().filter(|held| !held.revoked) {
            self.hand_back(worker, held);
            if is_planned {
                continue;
            }
            if held_one {
                self.strike(worker, held, Cause::Lost, reason, effects);
                self.settle(held.sweep, effects);
            } else {
                self.suspect(worker, held);
            }
        }
    }
}
