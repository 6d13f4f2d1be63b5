//! Whose fault it is: tiles that fail, tiles that are suspected, workers that are broken.

use patchsweep_core::ids::WorkerId;

use super::tile::{Cause, Stage, Strike, Trouble};
use super::worker::{Held, Standing};
use super::{BROKEN, Effect, MAX_STRIKES, Scheduler, SweepKey};

impl Scheduler {
    /// An attempt counts against its tile, which this worker holds no more. After the last one the tile is given up.
    pub(super) fn strike(
        &mut self,
        worker: WorkerId,
        held: &Held,
        cause: Cause,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        let Some(queue) = self.running.get_mut(&held.sweep) else { return };
        let (tile, by) = (held.lease.tile, Self::holder(worker, held));
        let strikes = queue.strike(tile, Strike { by, cause });
        effects.push(Effect::RecordFailure { worker, lease: held.lease.clone(), reason: reason.to_owned() });
        if strikes >= MAX_STRIKES && queue.stage(tile) == Some(Stage::Ready) {
            let reason = format!("tile {tile} failed {MAX_STRIKES} times, last on {worker}: {reason}");
            queue.give_up(tile, reason.clone());
            effects.push(Effect::GiveUp { sweep: queue.id.clone(), tile, reason });
        }
        self.tiles_became_ready(held.sweep);
    }

    /// One of several tiles that a lost worker held: it is computed alone next, and only then can it be blamed.
    pub(super) fn suspect(&mut self, worker: WorkerId, held: &Held) {
        let Some(queue) = self.running.get_mut(&held.sweep) else { return };
        let by = Self::holder(worker, held);
        queue.change_trouble(held.lease.tile, |trouble| trouble.suspicions.push(by));
        self.tiles_became_ready(held.sweep);
    }

    /// A worker computed a tile that others had failed on. One to which this happens too often in a row is broken.
    pub(super) fn refute_failures(&mut self, worker: WorkerId, trouble: &Trouble, effects: &mut Vec<Effect>) {
        for failed in trouble.failed_on() {
            let nth = trouble.strikes.iter().rev().find_map(|strike| match strike.cause {
                Cause::Failed { nth } if strike.by.worker == failed => Some(nth),
                _ => None,
            });
            let Some(nth) = nth.filter(|_| failed != worker) else { continue };
            let refuted = self.workers.get_mut(&failed).map(|slot| slot.record.refute(nth));
            if refuted.is_some_and(|refuted| refuted >= BROKEN) {
                self.quarantine(failed, effects);
            }
        }
    }

    fn quarantine(&mut self, worker: WorkerId, effects: &mut Vec<Effect>) {
        let Some(slot) = self.workers.get_mut(&worker) else { return };
        if slot.standing != Standing::Active {
            return;
        }
        let reason = format!("it failed on {BROKEN} tiles in a row that other workers computed");
        slot.standing = Standing::Quarantined { reason: reason.clone() };
        effects.push(Effect::Quarantine { worker, reason });
        self.refresh(worker);
        self.revoke(worker, |_| true, effects);
        self.change_troubles(|trouble| trouble.disregard(worker));
    }

    /// Changes the troubles of all tiles.
    pub(super) fn change_troubles(&mut self, change: impl Fn(&mut Trouble)) {
        let sweeps: Vec<SweepKey> = self.running.keys().copied().collect();
        for sweep in sweeps {
            let Some(queue) = self.running.get_mut(&sweep) else { continue };
            let tiles: Vec<_> = queue.troubled_tiles().map(|(tile, _)| tile).collect();
            for tile in tiles {
                queue.change_trouble(tile, &change);
            }
            self.tiles_became_ready(sweep);
        }
    }
}
