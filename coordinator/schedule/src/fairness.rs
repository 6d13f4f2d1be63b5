//! Which sweep comes next: the one that was granted the fewest multiply-adds for its priority. A worker that
//! would have to load its model stays with others for a while: see `models`.

use super::{Scheduler, SweepKey};

impl Scheduler {
    /// What a new sweep is taken to have been served, so that it neither waits for the others nor stops them.
    pub(super) fn least_served(&self) -> u128 {
        self.running.values().map(|queue| queue.served).min().unwrap_or(0)
    }

    /// Puts a sweep where it belongs after its service or its ready tiles changed.
    pub(super) fn reorder(&mut self, sweep: SweepKey) {
        let Some(queue) = self.running.get_mut(&sweep) else { return };
        let belongs = (!queue.ready.is_empty()).then_some(queue.served);
        if queue.queued_at == belongs {
            return;
        }
        if let Some(served) = queue.queued_at {
            self.by_share.remove(&(served, sweep));
        }
        self.by_share.extend(belongs.map(|served| (served, sweep)));
        queue.queued_at = belongs;
    }

    /// Workers that found nothing look again.
    pub(super) fn tiles_became_ready(&mut self, sweep: SweepKey) {
        self.reorder(sweep);
        self.hungry.append(&mut self.starved);
    }
}
