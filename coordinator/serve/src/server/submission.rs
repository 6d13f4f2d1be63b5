//! Sweeps that are submitted. Whether one has been computed already may take its model's files to say, which are read beside
//! the owning task, between two questions to it.

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::SweepId;
use patchsweep_files::ModelError;

use super::PlanningError;
use super::handle::{Command, Handle, NewSweep, Submitted};
use super::model_files::ModelFiles;
use super::offload::Offload;
use super::planning::ModelFilesError;
use super::rpc_errors::RequestError;

/// The sweep that a submission is.
pub(super) struct Found {
    pub(super) id: SweepId,
    pub(super) created: bool,
    /// Of one that there was: digest of the model that its scores so far are of.
    pub(super) model: Option<Digest>,
}

/// Runs a new sweep, or finds the one that is the same.
pub(super) async fn submit(handle: &Handle, offload: Offload, new: NewSweep) -> Result<Found, RequestError> {
    let mut sweep = Box::new(new);
    loop {
        let undecided = match handle.ask(|reply| Command::Submit { sweep, reply }).await? {
            Submitted::New(id) => return Ok(Found { id, created: true, model: None }),
            Submitted::Known { id, model } => return Ok(Found { id, created: false, model }),
            Submitted::Undecided(undecided) => undecided,
        };
        let read = offload.run("reading weights", move || with_files_read(undecided)).await?;
        sweep = read.map_err(|error| PlanningError::from(ModelFilesError::from(error)))?;
    }
}

fn with_files_read(mut sweep: Box<NewSweep>) -> Result<Box<NewSweep>, ModelError> {
    sweep.files = sweep.files.map(ModelFiles::read).transpose()?;
    Ok(sweep)
}
