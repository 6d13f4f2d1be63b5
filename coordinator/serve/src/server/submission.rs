//! Sweeps that are submitted. Whether one has been computed already may take its model's files to say, which are read beside
//! the owning task, between two questions to it.

use std::time::SystemTime;

use httpdate::fmt_http_date;
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
    /// What is to be known of these scores.
    pub(super) warning: Option<String>,
}

/// Runs a new sweep, or finds the one that is the same.
pub(super) async fn submit(handle: &Handle, offload: Offload, new: NewSweep) -> Result<Found, RequestError> {
    let mut sweep = Box::new(new);
    loop {
        let undecided = match handle.ask(|reply| Command::Submit { sweep, reply }).await? {
            Submitted::New(id) => return Ok(Found { id, created: true, model: None, warning: None }),
            Submitted::Known { id, model, unseen_since } => {
                let warning = model.zip(unseen_since).map(|(model, since)| not_compared(model, since));
                return Ok(Found { id, created: false, model, warning });
            }
            Submitted::Undecided(undecided) => undecided,
        };
        let read = offload.run("reading weights", move || with_files_read(undecided)).await?;
        sweep = read.map_err(|error| PlanningError::from(ModelFilesError::from(error)))?;
    }
}

/// Scores of weights that the coordinator cannot compare with those of now.
fn not_compared(model: Digest, submitted: SystemTime) -> String {
    format!(
        "the coordinator has no weights of this model, so it does not see whether they have changed: the scores are of the model \
         with digest {}, as workers had it for the sweep that was submitted on {}; where they have another one now, compute \
         the sweep anew with `--new` (in Python `new=True`)",
        model.to_hex(),
        fmt_http_date(submitted),
    )
}

fn with_files_read(mut sweep: Box<NewSweep>) -> Result<Box<NewSweep>, ModelError> {
    sweep.files = sweep.files.map(ModelFiles::read).transpose()?;
    Ok(sweep)
}
