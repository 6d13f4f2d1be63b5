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

    /// All that decides it is on disk; meanwhile the sweep may have ended.
    pub(super) fn choose(&mut self, sweep: SweepId, run: RunId) {
        if self.ledger.record(&sweep).is_ok_and(|record| record.run == run && record.running.is_some()) {
            self.outbound.choose(run, sweep);
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

    use patchsweep_core::status::{PlanOptions, SweepState, SweepStatus};
    use patchsweep_plan::Plan;
    use patchsweep_plan::fixtures::{SPEC, plan_from};
    use patchsweep_proto::wire::encode_context;

    use super::*;
    use crate::server::choices::Choices;
    use crate::server::comparisons::Comparisons;
    use crate::server::handle::{Command, Handle};
    use crate::server::journal::Journal;
    use crate::server::offload::Offload;
    use crate::server::outbound::Outbound;
    use crate::server::recent_log;
    use crate::server::spans::Traces;
    use crate::state::sample::{result, sweep};
    use crate::state::{Recovered, StateError, Store};
    use tempfile::TempDir;
    use tokio::sync::watch;

    const VERIFYING: &str = "estimate = \"gradient\"\nverify = { top = 3, sample = 2 }\naxes";

    fn spec() -> String {
        SPEC.replace("axes", VERIFYING)
    }

    /// A state with a sweep whose cells are to be chosen by the scores of all its tiles, and an actor for it.
    ///
    /// After all has been checked the sweep's plan becomes this one, which does not fit its scores.
    fn recovered(other: impl FnOnce(&KeptSweep) -> Plan) -> (TempDir, SweepId, Actor) {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = Store::open(folder.path()).expect("new");
        let plan = plan_from(&spec(), PlanOptions::default());
        let kept = KeptSweep { context: encode_context(&plan.context).into(), plan: Arc::new(plan), ..sweep("s") };
        let results = (0..).zip(&kept.plan.tiles).map(|(tile, _)| Entry::Result(Box::new(result(&kept, tile, "w"))));
        let entries: Vec<Entry> = [Entry::Sweep(Box::new(kept.clone()))].into_iter().chain(results).collect();
        store.write(&entries).expect("room");
        drop(store);
        let (store, recovered) = Store::open(folder.path()).expect("there");
        let other = KeptSweep { plan: Arc::new(other(&kept)), ..kept.clone() };
        store.write(&[Entry::Extended(Box::new(other))]).expect("room");
        (folder, kept.id, actor(store, recovered))
    }

    fn actor(store: Store, recovered: Recovered) -> Actor {
        let offload = Offload::Inline;
        let journal = Journal::start(store.clone(), offload).expect("no thread");
        let traces = Traces::of(recovered.coordinator, recovered.epoch, offload);
        let comparisons = Comparisons::start(store.clone(), offload);
        let outbound = Outbound::new(journal, comparisons, Choices::new(store, offload));
        Actor::recover(recovered, None, outbound, traces)
    }

    async fn wait_for_the_failed_choice(handle: &Handle, sweep: &SweepId) -> (String, watch::Receiver<SweepStatus>) {
        let mut status = handle.ask(|reply| Command::Watch { sweep: sweep.clone(), reply }).await.expect("it runs");
        let waits = status.wait_for(|status| status.waiting.as_ref().is_some_and(|why| why.contains("choice")));
        let waits = tokio::time::timeout(Duration::from_mins(1), waits).await.expect("it says so");
        let waiting = waits.expect("it is there").waiting.clone().expect("a reason");
        (waiting, status)
    }

    async fn cancel(handle: &Handle, sweep: &SweepId) -> SweepStatus {
        handle.ask(|reply| Command::Cancel { sweep: sweep.clone(), reply }).await.expect("it runs")
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_whose_cells_cannot_be_chosen_says_so_and_can_be_cancelled() {
        let options = PlanOptions { tile_prompts: Some(2), ..PlanOptions::default() };
        let (folder, sweep, actor) = recovered(|_| plan_from(&spec(), options));
        let (handle, actor) = actor.start();
        let (waiting, status) = wait_for_the_failed_choice(&handle, &sweep).await;
        assert!(waiting.contains("which failed: tile t0: ") && waiting.contains("`patchsweep cancel s`"), "{waiting}");
        let explained =
            handle.ask(|reply| Command::Explain { sweep: sweep.clone(), reply }).await.expect("it is there");
        let choosing = explained.situation.choosing.expect("a reason");
        assert!(choosing.contains("could not be chosen: tile t0: "), "{choosing}");
        let cancelled = cancel(&handle, &sweep).await;
        assert_eq!((cancelled.state, cancelled.waiting), (SweepState::Cancelled, None));
        drop((handle, status));
        actor.await.expect("no panic");
        let refused = Store::open(folder.path()).expect_err("scores of another plan");
        assert!(matches!(refused, StateError::Damaged { .. }), "nobody holds it any more: {refused}");
    }

    /// A plan that nothing can read.
    fn without_a_cost(kept: &KeptSweep) -> Plan {
        let mut plan = Plan::clone(&kept.plan);
        plan.costs.pop();
        plan
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_cancelled_sweep_no_choice_is_tried_again() {
        let (log, _guard) = recent_log::of_this_thread();
        let (_folder, sweep, actor) = recovered(without_a_cost);
        let (handle, actor) = actor.start();
        let (waiting, status) = wait_for_the_failed_choice(&handle, &sweep).await;
        assert!(waiting.contains("it is tried again every five seconds"), "{waiting}");
        assert_eq!(cancel(&handle, &sweep).await.state, SweepState::Cancelled);
        let before = log.list().len();
        assert!(before > 0);
        tokio::time::advance(Duration::from_mins(1)).await;
        // Everything that was due by now comes before the answer.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        handle.ask(|reply| Command::Explain { sweep: sweep.clone(), reply }).await.expect("it is there");
        assert_eq!(log.list().len(), before, "{:?}", log.list());
        drop((handle, status));
        actor.await.expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_sweep_that_ends_before_all_is_on_disk_no_choice_is_begun() {
        let (log, _guard) = recent_log::of_this_thread();
        let (_folder, sweep, mut actor) = recovered(without_a_cost);
        let run = actor.ledger.record(&sweep).expect("it is there").run;
        actor.apply(Event::Cancelled { sweep: sweep.clone() });
        actor.keep_promise(Promise::Choose { sweep, run });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(log.list().is_empty(), "{:?}", log.list());
    }
}
