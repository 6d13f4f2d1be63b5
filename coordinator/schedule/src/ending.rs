//! How sweeps begin and end.

use std::collections::BTreeMap;

use patchsweep_core::ids::{Attempt, SweepId, TileId, WorkerId};

use super::sweep::{FIRST_ATTEMPT, SweepQueue};
use super::{Effect, Ended, HOPELESS, Outcome, Past, Progress, Scheduler, SweepKey, TileInfo};

impl SweepKey {
    /// Of leases whose sweep does not run.
    pub(super) const ENDED: Self = Self(u64::MAX);
}

impl Scheduler {
    /// Where the attempts of a sweep that is submitted or resumed begin.
    pub(super) fn next_attempt(&self, sweep: &SweepId) -> Attempt {
        self.ended.get(sweep).map_or(FIRST_ATTEMPT, |ended| ended.next_attempt)
    }

    pub(super) fn submitted(&mut self, mut queue: SweepQueue, past: BTreeMap<TileId, Past>, effects: &mut Vec<Effect>) {
        if self.names.contains_key(&queue.id) {
            return;
        }
        self.ended.remove(&queue.id);
        queue.served = self.least_served();
        for (tile, past) in past {
            queue.recall(tile, past);
        }
        let key = self.next_key;
        self.next_key = SweepKey(key.0 + 1);
        self.names.insert(queue.id.clone(), key);
        self.running.insert(key, queue);
        self.tiles_became_ready(key);
        self.settle(key, effects);
    }

    /// Takes the tiles that a sweep had to come.
    pub(super) fn extended(&mut self, sweep: &SweepId, tiles: &[TileInfo], effects: &mut Vec<Effect>) {
        let Some(key) = self.key(sweep) else { return };
        if let Some(queue) = self.running.get_mut(&key)
            && self.open.remove(sweep).is_some()
        {
            queue.extend(tiles);
            self.tiles_became_ready(key);
            self.settle(key, effects);
        }
    }

    pub(super) fn cancelled(&mut self, sweep: &SweepId, effects: &mut Vec<Effect>) {
        if let Some(key) = self.key(sweep) {
            self.end(key, Outcome::Cancelled, effects);
        }
    }

    /// Ends a sweep that has nothing left to compute, or of which nothing can be.
    pub(super) fn settle(&mut self, sweep: SweepKey, effects: &mut Vec<Effect>) {
        let Some(queue) = self.running.get(&sweep) else { return };
        let Progress { total, done, failed, .. } = queue.progress();
        let reason = || queue.last_reason.clone();
        let is_exhausted = done > 0 && done + failed == total;
        if let Some(was_asked) = self.open.get_mut(&queue.id).filter(|_| is_exhausted) {
            if !std::mem::replace(was_asked, true) {
                effects.push(Effect::Exhausted { sweep: queue.id.clone() });
            }
            return;
        }
        let outcome = if done == total {
            Outcome::Done
        } else if done == 0 && (failed >= HOPELESS || failed == total) {
            Outcome::Failed { reason: reason() }
        } else if done + failed == total {
            Outcome::Partial { reason: reason() }
        } else {
            return;
        };
        self.end(sweep, outcome, effects);
    }

    fn end(&mut self, sweep: SweepKey, outcome: Outcome, effects: &mut Vec<Effect>) {
        let workers: Vec<WorkerId> = self.workers.keys().copied().collect();
        for worker in workers {
            self.revoke(worker, |held| held.sweep == sweep, effects);
            if let Some(slot) = self.workers.get_mut(&worker) {
                slot.forget(sweep);
            }
        }
        let Some(queue) = self.running.remove(&sweep) else { return };
        if let Some(served) = queue.queued_at {
            self.by_share.remove(&(served, sweep));
        }
        self.names.remove(&queue.id);
        self.open.remove(&queue.id);
        self.forget_model(queue.model);
        let ended = Ended { since: queue.since, progress: queue.progress(), next_attempt: queue.next_attempt() };
        self.ended.insert(queue.id.clone(), ended);
        self.hungry.append(&mut self.starved);
        effects.push(Effect::Ended { sweep: queue.id, outcome });
    }
}
