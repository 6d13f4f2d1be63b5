//! Sweeps whose last tiles the others decide.

use patchsweep_core::ids::SweepId;
use patchsweep_schedule::Event;

use super::Actor;
use super::requests::tile_infos;
use crate::server::handle::RunId;
use crate::server::promises::Promise;
use crate::state::{Entry, KeptSweep};

impl Actor {
    /// All tiles of a sweep have ended that decide which other cells are computed: that is chosen once they are on disk.
    pub(super) fn exhausted(&mut self, sweep: SweepId) {
        if let Ok(record) = self.ledger.record(&sweep) {
            let run = record.run;
            self.outbound.promise(Promise::Choose { sweep, run });
        }
    }

    /// The choice is made, and part of the sweep from now on; its tiles are granted once it is on disk, so that no restart
    /// makes another one.
    pub(super) fn extend(&mut self, run: RunId, kept: KeptSweep) {
        let sweep = kept.id.clone();
        let known = self.ledger.running(&sweep).map_or(0, |running| running.plan.warnings.len());
        if self.ledger.extend(&sweep, run, &kept.plan) {
            let tiles = kept.plan.tiles.len();
            tracing::info!(%sweep, tiles, "chose which cells are computed");
            for warning in kept.plan.warnings.iter().skip(known) {
                tracing::warn!(%sweep, "{warning}");
            }
            self.outbound.write(Entry::Extended(Box::new(kept)));
            self.outbound.promise(Promise::Extend { sweep, run });
        }
    }

    /// The choice is on disk.
    pub(super) fn extended(&mut self, sweep: SweepId, run: RunId) {
        let is_this = self.ledger.record(&sweep).is_ok_and(|record| record.run == run);
        let Some(running) = self.ledger.running(&sweep).filter(|_| is_this) else { return };
        let first = running.plan.choice.as_ref().map_or(usize::MAX, |choice| choice.first as usize);
        let tiles = tile_infos(&running.plan).into_iter().skip(first).collect();
        self.apply(Event::Extended { sweep, tiles });
        self.ledger.publish_running(&self.scheduler);
    }
}
