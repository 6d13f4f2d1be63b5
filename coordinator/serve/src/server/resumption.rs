//! Ended sweeps that run again. What is kept of one is read beside the owning task, between two questions to it: whether
//! the sweep can be resumed, and to resume the very run that was read.

use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::status::SweepStatus;

use super::handle::{Command, Handle};
use super::offload::Offload;
use super::rpc_errors::RequestError;
use crate::state::{KeptSweep, Store};

/// What an ended sweep goes on from.
#[derive(Debug)]
pub(super) struct Remains {
    pub(super) kept: KeptSweep,
    /// Tiles whose scores are kept.
    pub(super) done: Vec<TileId>,
    /// Tiles that something went wrong with.
    pub(super) failed: Vec<TileId>,
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
        let remains = offload.run("reading what is kept", move || remains(&store, &id)).await??;
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
    Ok(Remains { kept, done, failed: snapshot.failed_tiles(sweep)? })
}
