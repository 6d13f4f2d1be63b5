//! Which cells of a sweep are computed, once all tiles are kept that decide it. That reads the disk, so it is done beside the
//! owning task, which is told with a command.

use std::sync::Arc;
use std::time::Duration;

use patchsweep_core::error_chain;
use patchsweep_core::ids::SweepId;
use patchsweep_plan::Findings;
use tokio::sync::mpsc;

use super::PlanningError;
use super::handle::{Command, RunId};
use super::kept::{KeptTile, for_each_tile};
use super::offload::Offload;
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
}

impl Choices {
    pub(super) fn new(store: Store, offload: Offload) -> Self {
        Self { store, offload, commands: None }
    }

    /// Says whom to tell.
    pub(super) fn connect(&mut self, commands: mpsc::WeakSender<Command>) {
        self.commands = Some(commands);
    }

    /// Plans the tiles of a sweep that its others decide, all of which are on disk, and tells the owning task.
    pub(super) fn plan(&self, run: RunId, sweep: SweepId) {
        let (store, offload, commands) = (self.store.clone(), self.offload, self.commands.clone());
        tokio::spawn(async move {
            for attempt in 1..=ATTEMPTS {
                let (store, id) = (store.clone(), sweep.clone());
                let Ok(planned) = offload.run("choosing", move || extended(&store, &id)).await else { return };
                let error = match planned {
                    Ok(kept) => {
                        if let Some(commands) = commands.and_then(|commands| commands.upgrade()) {
                            let _ = commands.send(Command::Extend { run, kept: Box::new(kept) }).await;
                        }
                        return;
                    }
                    Err(RequestError::UnknownSweep(_)) => return,
                    Err(error) => error,
                };
                // A plan that is too large stays so.
                let may_pass = matches!(error, RequestError::State(_));
                let next = match may_pass {
                    false => "cancel the sweep, and have fewer cells computed",
                    true if attempt < ATTEMPTS => "tries again",
                    true => "a restart tries again",
                };
                tracing::error!(%sweep, error = error_chain(&error), next, "cannot choose which cells are computed");
                if !may_pass {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
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
    let merged = merger.map(Merger::finish).transpose()?;
    let main = merged.iter().flat_map(|merged| &merged.grids).filter(|scores| scores.metric == 0);
    let estimates = main.map(|scores| scores.estimate.as_slice()).collect();
    let findings = Findings { estimates, activity: activities.finish()? };
    let plan = kept.plan.extended(&findings).map_err(PlanningError::from)?;
    Ok(KeptSweep { plan: Arc::new(plan), ..kept })
}
