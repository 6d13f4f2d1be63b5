//! Which cells of a sweep are computed, once all tiles are kept that decide it. That reads the disk, so it is done beside the
//! owning task, which is told with a command what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use patchsweep_core::error_chain;
use patchsweep_core::ids::SweepId;
use patchsweep_plan::Findings;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::PlanningError;
use super::handle::{Command, RunId};
use super::kept::{KeptTile, for_each_tile};
use super::offload::{Offload, OffloadError};
use super::rpc_errors::RequestError;
use crate::merge::{Activities, Merger, TileOutcome};
use crate::state::{KeptSweep, Store};

/// How often a choice is tried, as a disk may be well again.
const ATTEMPTS: u32 = 60;

const PAUSE: Duration = Duration::from_secs(5);

/// Chooses cells by what other tiles found.
#[derive(Debug)]
pub(super) struct Choices {
    store: Store,
    offload: Offload,
    /// To the owning task, which ends when nobody else talks to it.
    commands: Option<mpsc::WeakSender<Command>>,
    /// One for each choice under way.
    tasks: JoinSet<()>,
    /// Of each sweep the last one that was begun; is dropped when that is not wanted any more.
    wanted: BTreeMap<SweepId, watch::Sender<()>>,
}

/// Why cells were not chosen, and what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotChosen {
    reason: String,
    next: String,
}

impl NotChosen {
    /// What clients see of a sweep that waits for it, behind "waiting".
    pub(super) fn waiting(&self) -> String {
        format!("for a choice of the cells that are computed next, which failed: {}; {}", self.reason, self.next)
    }

    /// The same for people who ask why nothing is computed.
    pub(super) fn explained(&self) -> String {
        format!("which cells are computed next could not be chosen: {}; {}", self.reason, self.next)
    }
}

impl Choices {
    pub(super) fn new(store: Store, offload: Offload) -> Self {
        Self { store, offload, commands: None, tasks: JoinSet::new(), wanted: BTreeMap::new() }
    }

    /// Says whom to tell.
    pub(super) fn connect(&mut self, commands: mpsc::WeakSender<Command>) {
        self.commands = Some(commands);
    }

    /// Plans the tiles of a sweep that its others decide, all of which are on disk, and tells the owning task.
    pub(super) fn plan(&mut self, run: RunId, sweep: SweepId) {
        let (store, id) = (self.store.clone(), sweep.clone());
        self.begin(run, sweep, move || extended(&store, &id));
    }

    fn begin(
        &mut self,
        run: RunId,
        sweep: SweepId,
        choose: impl Fn() -> Result<KeptSweep, RequestError> + Clone + Send + 'static,
    ) {
        while self.tasks.try_join_next().is_some() {}
        let wanted = watch::Sender::new(());
        let (offload, commands, stop) = (self.offload, self.commands.clone(), wanted.subscribe());
        self.wanted.insert(sweep.clone(), wanted);
        self.tasks.spawn(Choice { run, sweep, offload, commands, stop }.make(choose));
    }

    /// The sweep has ended: no choice for it is tried again.
    pub(super) fn give_up(&mut self, sweep: &SweepId) {
        self.wanted.remove(sweep);
    }

    /// Waits until nothing is read any more; no choice is tried again.
    pub(super) async fn close(self) {
        let Self { mut tasks, wanted, .. } = self;
        drop(wanted);
        while tasks.join_next().await.is_some() {}
    }
}

/// A choice under way.
struct Choice {
    run: RunId,
    sweep: SweepId,
    offload: Offload,
    commands: Option<mpsc::WeakSender<Command>>,
    stop: watch::Receiver<()>,
}

impl Choice {
    async fn make(mut self, choose: impl Fn() -> Result<KeptSweep, RequestError> + Clone + Send + 'static) {
        for attempt in 1..=ATTEMPTS {
            let chosen = self.offload.run("choosing", choose.clone()).await.map_err(RequestError::from);
            let error = match chosen.flatten() {
                Ok(kept) => return self.tell(Ok(Box::new(kept))).await,
                // Nobody wants to know.
                Err(RequestError::UnknownSweep(_) | RequestError::Offload(OffloadError::ShuttingDown)) => return,
                // Nor is there anybody to be warned.
                Err(_) if self.is_unwanted() => return,
                Err(error) => error,
            };
            // A plan that is too large stays so.
            let may_pass = matches!(error, RequestError::State(_));
            let sweep = &self.sweep;
            let next = match &error {
                RequestError::State(_) if attempt < ATTEMPTS => "it is tried again every five seconds".to_owned(),
                RequestError::State(_) => format!(
                    "once the disk is well again, have it tried again with `patchsweep cancel {sweep}` and `patchsweep resume {sweep}`"
                ),
                RequestError::Planning(_) => {
                    format!("end the sweep with `patchsweep cancel {sweep}`, and submit it with fewer cells to compute")
                }
                _ => format!("end the sweep with `patchsweep cancel {sweep}`"),
            };
            let reason = error_chain(&error);
            tracing::error!(%sweep, reason, next, "cannot choose which cells are computed");
            self.tell(Err(NotChosen { reason, next })).await;
            if !may_pass || attempt == ATTEMPTS {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = self.stop.changed() => return,
            }
        }
    }

    /// Whether the sweep has ended, or the coordinator ends.
    fn is_unwanted(&self) -> bool {
        self.stop.has_changed().is_err()
    }

    async fn tell(&self, outcome: Result<Box<KeptSweep>, NotChosen>) {
        let (run, sweep) = (self.run, self.sweep.clone());
        if let Some(commands) = self.commands.as_ref().and_then(mpsc::WeakSender::upgrade) {
            let _ = commands.send(Command::Extend { run, sweep, outcome }).await;
        }
    }
}

/// A sweep with the tiles that its others decide, all of which are kept or given up.
fn extended(store: &Store, sweep: &SweepId) -> Result<KeptSweep, RequestError> {
    let snapshot = store.snapshot()?;
    let kept = snapshot.sweep(sweep)?.ok_or_else(|| RequestError::UnknownSweep(sweep.clone()))?;
    let mut activities = Activities::new(&kept.plan);
    let mut merger = kept.plan.verifies().then(|| Merger::new(&kept.plan));
    for_each_tile(&snapshot, sweep, &kept.plan, |tile, kept| -> Result<(), RequestError> {
        let outcome = match kept {
            KeptTile::Done(result) => TileOutcome::Scores(result.completed.scores),
            KeptTile::GivenUp(_) => TileOutcome::GivenUp,
            KeptTile::Pending => TileOutcome::Pending,
        };
        activities.push(tile, outcome.scores())?;
        merger.iter_mut().try_for_each(|merger| merger.push(tile, &outcome))?;
        Ok(())
    })?;
    let tensors = merger.map(Merger::finish).transpose()?;
    let main = tensors.iter().flat_map(|tensors| &tensors.grids).filter(|scores| scores.metric == 0);
    let estimates = main.map(|scores| scores.estimate.as_slice()).collect();
    let findings = Findings { estimates, activity: activities.finish()? };
    let plan = kept.plan.extended(&findings).map_err(PlanningError::from)?;
    Ok(KeptSweep { plan: Arc::new(plan), ..kept })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::Instant;

    use super::*;
    use crate::merge::MergeError;
    use crate::state::StateError;
    use crate::state::sample::sweep;

    const RUN: RunId = RunId(7);

    fn choices(offload: Offload) -> (Choices, mpsc::Sender<Command>, mpsc::Receiver<Command>) {
        let (store, _) = Store::in_memory().expect("memory");
        let (sender, receiver) = mpsc::channel(8);
        let mut choices = Choices::new(store, offload);
        choices.connect(sender.downgrade());
        (choices, sender, receiver)
    }

    fn id() -> SweepId {
        SweepId("s".to_owned())
    }

    fn full() -> RequestError {
        RequestError::State(StateError::Thread(std::io::Error::other("no disk")))
    }

    async fn outcome(commands: &mut mpsc::Receiver<Command>) -> Result<Box<KeptSweep>, NotChosen> {
        let told = tokio::time::timeout(12 * PAUSE, commands.recv()).await.expect("somebody is told");
        match told {
            Some(Command::Extend { run: RUN, sweep, outcome }) if sweep == id() => outcome,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the end of one that was begun.
    async fn has_ended(choices: &mut Choices) {
        let ended = tokio::time::timeout(12 * PAUSE, choices.tasks.join_next()).await.expect("it ends");
        ended.expect("one was begun").expect("no panic");
    }

    #[tokio::test]
    async fn a_choice_that_cannot_be_made_is_reported_with_what_to_do() {
        let (mut choices, _alive, mut commands) = choices(Offload::Inline);
        choices.begin(RUN, id(), || Err(MergeError::Missing { tile: patchsweep_core::ids::TileId(3) }.into()));
        let not_chosen = outcome(&mut commands).await.expect_err("nothing");
        assert!(not_chosen.waiting().starts_with("for a choice of the cells"), "{not_chosen:?}");
        for words in [not_chosen.waiting(), not_chosen.explained()] {
            assert!(words.contains("no outcome of tile t3") && words.contains("`patchsweep cancel s`"), "{words}");
        }
        has_ended(&mut choices).await;
        assert!(commands.is_empty(), "it is not tried again");
    }

    #[tokio::test]
    async fn a_choice_that_panics_is_reported() {
        let (mut choices, _alive, mut commands) = choices(Offload::Threads);
        choices.begin(RUN, id(), || panic!("no row"));
        let not_chosen = outcome(&mut commands).await.expect_err("a panic");
        assert!(not_chosen.waiting().contains("no row; please report it; end the sweep"), "{not_chosen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_disk_fails_it_is_tried_again() {
        let (mut choices, _alive, mut commands) = choices(Offload::Inline);
        let tries = Arc::new(AtomicU32::new(0));
        choices.begin(RUN, id(), move || match tries.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(full()),
            _ => Ok(sweep("s")),
        });
        for _ in 0..2 {
            let not_chosen = outcome(&mut commands).await.expect_err("nothing");
            assert!(not_chosen.waiting().ends_with("it is tried again every five seconds"), "{not_chosen:?}");
        }
        assert_eq!(outcome(&mut commands).await.expect("a choice").id, id());
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_last_try_people_hear_how_there_is_another_one() {
        let (mut choices, _alive, mut commands) = choices(Offload::Inline);
        choices.begin(RUN, id(), || Err(full()));
        for _ in 1..ATTEMPTS {
            outcome(&mut commands).await.expect_err("nothing");
        }
        let last = outcome(&mut commands).await.expect_err("nothing");
        for words in [last.waiting(), last.explained()] {
            assert!(words.ends_with("tried again with `patchsweep cancel s` and `patchsweep resume s`"), "{words}");
        }
        has_ended(&mut choices).await;
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_sweep_that_has_ended_or_runs_again_nothing_is_tried_again() {
        let (mut choices, _alive, mut commands) = choices(Offload::Inline);
        choices.begin(RUN, id(), || Err(full()));
        outcome(&mut commands).await.expect_err("nothing");
        let before = Instant::now();
        choices.give_up(&id());
        has_ended(&mut choices).await;
        assert_eq!(before.elapsed(), Duration::ZERO, "time stands still unless all wait for it");

        choices.begin(RUN, id(), || Err(full()));
        outcome(&mut commands).await.expect_err("nothing");
        choices.begin(RUN, id(), || Ok(sweep("s")));
        has_ended(&mut choices).await;
        has_ended(&mut choices).await;
        assert_eq!(before.elapsed(), Duration::ZERO, "there is one choice of a sweep at most");
        outcome(&mut commands).await.expect("a choice");
        assert!(commands.is_empty(), "the first one told nothing more");
    }

    #[tokio::test]
    async fn what_fails_after_its_sweep_has_ended_is_not_told() {
        let (mut choices, _alive, commands) = choices(Offload::Threads);
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let may_go_on = Arc::new(std::sync::Mutex::new(may_go_on));
        choices.begin(RUN, id(), move || {
            let _ = may_go_on.lock().expect("no panic").recv();
            Err(full())
        });
        choices.give_up(&id());
        go_on.send(()).expect("it waits");
        has_ended(&mut choices).await;
        assert!(commands.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_what_reads_and_for_no_other_try() {
        let (mut choices, _alive, mut commands) = choices(Offload::Inline);
        choices.begin(RUN, id(), || Err(full()));
        outcome(&mut commands).await.expect_err("nothing");
        let before = Instant::now();
        choices.close().await;
        assert_eq!(before.elapsed(), Duration::ZERO, "time stands still unless all wait for it");

        let (mut choices, _alive, commands) = self::choices(Offload::Threads);
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = std::sync::mpsc::channel::<()>();
        let may_go_on = Arc::new(std::sync::Mutex::new((begun, may_go_on)));
        let held = Arc::downgrade(&may_go_on);
        choices.begin(RUN, id(), move || {
            let held = may_go_on.lock().expect("no panic");
            held.0.send(()).expect("somebody waits");
            let _ = held.1.recv();
            Err(full())
        });
        let begins = tokio::task::spawn_blocking(move || has_begun.recv());
        begins.await.expect("no panic").expect("it begins");
        let closing = tokio::spawn(choices.close());
        go_on.send(()).expect("it waits");
        closing.await.expect("no panic");
        assert!(held.upgrade().is_none(), "nothing holds the files");
        assert!(commands.is_empty(), "what failed is tried again in the next life");
    }
}
