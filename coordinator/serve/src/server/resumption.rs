//! Ended sweeps that run again. What is kept of one is read beside the owning task, between two questions to it: whether
//! the sweep can be resumed, and to resume the very run that was read.

use std::collections::BTreeMap;
use std::time::Duration;

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_schedule::Past;

use super::actor::Actor;
use super::handle::{Command, Handle, Reply, RunId};
use super::offload::Offload;
use super::record::{Clock, Running};
use super::rpc_errors::RequestError;
use crate::state::{Entry, KeptSweep, Store};

/// What an ended sweep goes on from.
#[derive(Debug)]
pub(super) struct Remains {
    kept: KeptSweep,
    /// Tiles whose scores are kept.
    done: Vec<TileId>,
    /// Tiles that something went wrong with.
    failed: Vec<TileId>,
    /// That the scores are of; `None` while there are none.
    model: Option<Digest>,
}

/// Runs an ended sweep again, for the tiles that have no scores.
pub(super) async fn resume(
    handle: &Handle,
    store: &Store,
    offload: Offload,
    sweep: SweepId,
) -> Result<SweepStatus, RequestError> {
    loop {
        let run = handle.ask(|reply| Command::Resumable { sweep: sweep.clone(), reply }).await?;
        let (store, id) = (store.clone(), sweep.clone());
        let remains = offload.run(move || remains(&store, &id)).await.ok_or(RequestError::ResumingFailed)??;
        let remains = Box::new(remains);
        // `None`: meanwhile it was resumed and has ended again, so that more may be done than was read.
        if let Some(status) = handle.ask(|reply| Command::Resume { run, remains, reply }).await? {
            return Ok(status);
        }
    }
}

fn remains(store: &Store, sweep: &SweepId) -> Result<Remains, RequestError> {
    let snapshot = store.snapshot()?;
    let kept = snapshot.sweep(sweep)?.ok_or_else(|| RequestError::UnknownSweep(sweep.clone()))?;
    let done = snapshot.done_tiles(sweep)?;
    let first = done.first().map(|&tile| snapshot.result(sweep, tile)).transpose()?.flatten();
    Ok(Remains { kept, done, failed: snapshot.failed_tiles(sweep)?, model: first.map(|result| result.model) })
}

impl Actor {
    /// Which run of a sweep can be resumed: all that became of it is on disk, as clients have heard of its end.
    pub(super) fn resumable(&self, sweep: &SweepId) -> Result<RunId, RequestError> {
        let record = self.record(sweep)?;
        let state = record.status.borrow().state.clone();
        let lacks_scores =
            matches!(state, SweepState::Partial { .. } | SweepState::Failed { .. } | SweepState::Cancelled);
        if !record.has_ended() || !lacks_scores {
            return Err(RequestError::NothingToResume { sweep: sweep.clone(), state: state.name() });
        }
        match self.journal.stalled() {
            Some(reason) => Err(RequestError::CannotStore { reason }),
            None => Ok(record.run),
        }
    }

    /// Resumes a run, if it still is the sweep's last one.
    pub(super) fn resume(&mut self, run: RunId, remains: Remains, reply: Reply<Option<SweepStatus>>) {
        let sweep = remains.kept.id.clone();
        match self.resumable(&sweep) {
            Ok(last) if last == run => {
                self.go_on(remains);
                self.answer_with_status(&sweep, reply, Some);
            }
            Ok(_) => drop(reply.send(Ok(None))),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn go_on(&mut self, remains: Remains) {
        let Remains { kept, done, failed, model } = remains;
        let KeptSweep { id, plan, context, priority, submitted, .. } = kept;
        let span = self.traces.sweep(&id, self.sweeps.get(&id).and_then(|record| record.trace));
        span.span.in_scope(|| tracing::info!(done = done.len(), tiles = plan.tiles.len(), "sweep resumed"));
        self.journal.write(Entry::Resumed { sweep: id.clone(), tiles: failed });
        let running = Running::new(plan, context, model, submitted, Clock::after(Duration::ZERO), span);
        let past = done.into_iter().map(|tile| (tile, Past::Done)).collect();
        self.run_sweep(id, priority, running, past, BTreeMap::new());
    }
}
