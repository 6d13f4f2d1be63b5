//! Sweeps whose last tiles the others decide.

use patchsweep_core::ids::SweepId;
use patchsweep_schedule::Event;

use super::Actor;
use super::requests::tile_infos;
use crate::server::handle::RunId;
use crate::server::promises::Promise;
use crate::server::record::Choosing;
use crate::state::{Entry, KeptSweep};

impl Actor {
    /// All tiles of a sweep have ended that decide which other cells are computed: that is chosen once they are on disk.
    pub(super) fn exhausted(&mut self, sweep: SweepId) {
        if let Ok(record) = self.ledger.record(&sweep) {
            let run = record.run;
            self.ledger.note_choice(&sweep, run, Choosing::UnderWay);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use patchsweep_core::status::{PlanOptions, SweepState};
    use patchsweep_plan::fixtures::{SPEC, plan_from};
    use patchsweep_proto::wire::encode_context;

    use super::*;
    use crate::server::choices::Choices;
    use crate::server::comparisons::Comparisons;
    use crate::server::handle::{Command, Handle};
    use crate::server::journal::Journal;
    use crate::server::offload::Offload;
    use crate::server::outbound::Outbound;
    use crate::server::spans::Traces;
    use crate::state::sample::{result, sweep};
    use crate::state::{Recovered, StateError, Store};
    use tokio::task::JoinHandle;

    fn start(store: Store, recovered: Recovered) -> (Handle, JoinHandle<()>) {
        let offload = Offload::Inline;
        let journal = Journal::start(store.clone(), offload).expect("no thread");
        let traces = Traces::of(recovered.coordinator, recovered.epoch, offload);
        let comparisons = Comparisons::start(store.clone(), offload);
        let outbound = Outbound::new(journal, comparisons, Choices::new(store, offload));
        Actor::recover(recovered, None, outbound, traces).start()
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_whose_cells_cannot_be_chosen_says_so_and_can_be_cancelled() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = Store::open(folder.path()).expect("new");
        let spec = SPEC.replace("axes", "estimate = \"gradient\"\nverify = { top = 3, sample = 2 }\naxes");
        let plan = plan_from(&spec, PlanOptions::default());
        let kept = KeptSweep { context: encode_context(&plan.context).into(), plan: Arc::new(plan), ..sweep("s") };
        let results = (0..).zip(&kept.plan.tiles).map(|(tile, _)| Entry::Result(Box::new(result(&kept, tile, "w"))));
        let entries: Vec<Entry> = [Entry::Sweep(Box::new(kept.clone()))].into_iter().chain(results).collect();
        store.write(&entries).expect("room");
        drop(store);
        let (store, recovered) = Store::open(folder.path()).expect("there");
        // After all has been checked the plan becomes one that these scores do not fit.
        let options = PlanOptions { tile_prompts: Some(2), ..PlanOptions::default() };
        let other = KeptSweep { plan: Arc::new(plan_from(&spec, options)), ..kept.clone() };
        store.write(&[Entry::Extended(Box::new(other))]).expect("room");
        let (handle, actor) = start(store, recovered);

        let sweep = kept.id.clone();
        let mut status = handle.ask(|reply| Command::Watch { sweep: sweep.clone(), reply }).await.expect("it runs");
        let waits = status.wait_for(|status| status.waiting.as_ref().is_some_and(|why| why.contains("choice")));
        let waits = tokio::time::timeout(Duration::from_mins(1), waits).await.expect("it says so");
        let waiting = waits.expect("it is there").waiting.clone().expect("a reason");
        assert!(waiting.contains("which failed: tile t0: ") && waiting.contains("`patchsweep cancel s`"), "{waiting}");
        let explained =
            handle.ask(|reply| Command::Explain { sweep: sweep.clone(), reply }).await.expect("it is there");
        let choosing = explained.situation.choosing.expect("a reason");
        assert!(choosing.contains("could not be chosen: tile t0: "), "{choosing}");
        let cancelled = handle.ask(|reply| Command::Cancel { sweep, reply }).await.expect("it runs");
        assert_eq!((cancelled.state, cancelled.waiting), (SweepState::Cancelled, None));
        drop((handle, status));
        actor.await.expect("no panic");
        let refused = Store::open(folder.path()).expect_err("scores of another plan");
        assert!(matches!(refused, StateError::Damaged { .. }), "nobody holds it any more: {refused}");
    }
}
