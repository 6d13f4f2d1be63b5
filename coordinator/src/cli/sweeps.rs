//! `patchsweep submit`, `list`, `status`, `watch`, `cancel`

use std::io::{Write, stdout};
use std::path::PathBuf;

use patchsweep_proto::ids::SweepId;
use patchsweep_proto::status::{SweepState, SweepStatus};

use super::submission::{Submission, TileArgs};
use super::{CliError, CoordinatorArgs, progress, table};

#[derive(Debug, clap::Args)]
pub(super) struct SubmitArgs {
    /// The spec.
    spec: PathBuf,
    /// Stay until the sweep has ended, and exit by its outcome.
    #[arg(long)]
    wait: bool,
    /// Compute anew even if the same plan has been submitted before.
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    tiles: TileArgs,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct SweepArgs {
    /// The sweep's id, as `submit` printed it.
    sweep: String,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

pub(super) async fn submit(args: SubmitArgs) -> Result<(), CliError> {
    let Submission { source, dataset, .. } = Submission::read(&args.spec)?;
    let mut client = args.coordinator.connect().await?;
    let submitted = client.submit(source.text().to_owned(), dataset, args.tiles.options(), args.new).await;
    let (sweep, created) = submitted.map_err(|error| CliError::refused_spec(&args.spec, error))?;
    if !created {
        eprintln!("submitted before: this is the same sweep (--new computes it anew)");
    }
    writeln!(stdout(), "{sweep}")?;
    if args.wait {
        progress::follow(client.watch(&sweep).await?, &sweep.0).await?;
    }
    Ok(())
}

pub(super) async fn list(args: CoordinatorArgs) -> Result<(), CliError> {
    let sweeps = args.connect().await?.list().await?;
    print(&sweeps)
}

pub(super) async fn status(args: SweepArgs) -> Result<(), CliError> {
    let status = args.coordinator.connect().await?.status(&SweepId(args.sweep)).await?;
    print(std::slice::from_ref(&status))?;
    if let SweepState::Failed { reason } = &status.state {
        writeln!(stdout(), "\nfailed: {reason}")?;
    }
    Ok(())
}

pub(super) async fn watch(args: SweepArgs) -> Result<(), CliError> {
    let mut client = args.coordinator.connect().await?;
    let watch = client.watch(&SweepId(args.sweep.clone())).await?;
    progress::follow(watch, &args.sweep).await
}

pub(super) async fn cancel(args: SweepArgs) -> Result<(), CliError> {
    let status = args.coordinator.connect().await?.cancel(&SweepId(args.sweep)).await?;
    print(&[status])
}

fn print(sweeps: &[SweepStatus]) -> Result<(), CliError> {
    let mut table = table::new(["sweep", "state", "done", "cells", "no-ops", "tiles", "leased", "workers"]);
    for status in sweeps {
        table.add_row([
            status.sweep.to_string(),
            status.state.name().to_owned(),
            format!("{}%", progress::percent(status)),
            status.cells_total.to_string(),
            status.cells_noop.to_string(),
            format!("{}/{}", status.tiles_done, status.tiles_total),
            status.tiles_leased.to_string(),
            status.workers.to_string(),
        ]);
    }
    writeln!(stdout(), "{}", table.trim_fmt())?;
    Ok(())
}
