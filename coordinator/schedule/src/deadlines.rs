//! Workers that say nothing, and workers that only say that they live.

use std::time::Duration;

use patchsweep_core::ids::WorkerId;

use super::tile::Cause;
use super::worker::WorkerSlot;
use super::{Effect, Now, Scheduler};

/// A worker that has been silent this long is taken for dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(15);

/// A tile that takes so many times longer than expected is taken away.
pub const DEADLINE_FACTOR: u32 = 10;

/// No tile is taken away sooner.
pub const SHORTEST_DEADLINE: Duration = Duration::from_mins(1);

/// Nor sooner than this while the worker has not reported that the tile's model is loaded.
pub const FIRST_DEADLINE: Duration = Duration::from_mins(10);

impl Scheduler {
    pub(super) fn expire_silent_workers(&mut self, effects: &mut Vec<Effect>) {
        let now = self.now;
        for worker in self.workers_that(|slot| now.saturating_sub(slot.last_heard) >= DEAD_AFTER) {
            self.lost(worker, "its worker fell silent", effects);
            effects.push(Effect::Disconnect { worker });
        }
    }

    /// The tile in hand is overdue: others get it and all that waits behind it, and its worker gets nothing until it
    /// answers. A revoked lease in hand is nobody's tile any more, but its worker has to answer for it all the same.
    pub(super) fn take_away_overdue_tiles(&mut self, effects: &mut Vec<Effect>) {
        for worker in self.workers_that(|slot| slot.stuck_on.is_none() && self.is_overdue(slot)) {
            let Some(slot) = self.workers.get_mut(&worker) else { continue };
            let Some(held) = slot.leases.first().cloned() else { continue };
            let seconds = self.now.saturating_sub(slot.head_since).as_secs();
            slot.stuck_on = Some(held.lease.clone());
            self.refresh(worker);
            self.revoke(worker, |_| true, effects);
            if !held.revoked {
                let reason = format!("its worker had not computed it after {seconds} s");
                self.strike(worker, &held, Cause::Overdue, &reason, effects);
                self.settle(held.sweep, effects);
            }
        }
    }

    fn is_overdue(&self, slot: &WorkerSlot) -> bool {
        let Some(held) = slot.leases.first() else { return false };
        let may_load = !held.revoked && held.model.is_some_and(|model| !slot.loaded.contains(&model));
        let least = if may_load { FIRST_DEADLINE } else { SHORTEST_DEADLINE };
        let expected = self.expected(slot, held).unwrap_or_default();
        let deadline: Now = least.max(expected.saturating_mul(DEADLINE_FACTOR));
        self.now.saturating_sub(slot.computing_since) > deadline
    }

    fn workers_that(&self, is_meant: impl Fn(&WorkerSlot) -> bool) -> Vec<WorkerId> {
        self.workers.iter().filter(|(_, slot)| is_meant(slot)).map(|(&worker, _)| worker).collect()
    }
}
