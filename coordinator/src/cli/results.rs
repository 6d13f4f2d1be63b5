//! `patchsweep results`, and what it has in common with `run`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use patchsweep_core::ids::SweepId;
use patchsweep_core::results::{CellStatus, SweepResults};
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_process::talk;
use patchsweep_results::{
    Analysed, Failures, NotFinite, Overwrite, ResultFiles, WriteOptions, refuse_folder, write_folder,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::{self, Output, Printer};
use super::selector::{self, Selector};
use super::sweeps::StateName;
use super::{CliError, CoordinatorArgs, progress};
use crate::client::{Client, ClientError};

/// Where results go.
#[derive(Debug, clap::Args)]
pub(super) struct OutArgs {
    /// Folder for the tensors, the manifest and the report; made if missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Replace the results that are in the folder.
    #[arg(long)]
    overwrite: bool,
    /// Also write scores.csv, a table with one line for each cell, for pandas.
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ResultsArgs {
    /// Id of the sweep, its beginning, or `last`.
    sweep: Selector,
    /// What there is so far of a sweep that runs, failed or was cancelled: cells that are still to be computed have status 4
    /// and no score.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

impl OutArgs {
    /// Refuses a folder that cannot take results, before any work.
    pub(super) fn refuse_folder(&self) -> Result<(), CliError> {
        Ok(refuse_folder(&self.out, self.policy())?)
    }

    /// Writes the results and says where.
    pub(super) fn write(&self, analysed: &Analysed<'_>) -> Result<ResultFiles, CliError> {
        let files = write_folder(analysed, &self.out, WriteOptions { overwrite: self.policy(), csv: self.csv })?;
        let results = analysed.results();
        let (failures, overflows) = (Failures::of(results), NotFinite::of(results));
        for message in overflows.of_baselines() {
            talk!("warning: {message}");
        }
        for grid in &results.grids {
            if let Some(message) = failures.of_grid(grid) {
                talk!("warning: {}: {message}", results.tensor_name(grid));
            }
            if let Some(message) = pending_cells(&grid.status) {
                talk!("note: {}: {message}", results.tensor_name(grid));
            }
            for message in [overflows.of_grid(grid), overflows.of_estimates(grid)].into_iter().flatten() {
                talk!("warning: {}: {message}", results.tensor_name(grid));
            }
        }
        talk!("report: {}", absolute(&files.report).display());
        Ok(files)
    }

    fn policy(&self) -> Overwrite {
        if self.overwrite { Overwrite::Replace } else { Overwrite::Refuse }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

pub(super) async fn results(args: ResultsArgs, printer: Printer) -> Result<(), CliError> {
    args.out.refuse_folder()?;
    let mut client = args.coordinator.connect().await?;
    let sweep = selector::one(&mut client, &args.sweep).await?;
    let results = fetch(&mut client, &sweep, args.partial).await?;
    let status = client.status(&sweep).await?;
    let files = args.out.write(&Analysed::of(&results)?)?;
    printer.print(&Written { status: &status, files: &files })?;
    // Of a sweep that has not ended, or in another way, they are what was asked for.
    if args.partial && !matches!(status.state, SweepState::Partial { .. }) {
        return not_finite(&sweep.0, &results);
    }
    progress::outcome(&status, true)?;
    not_finite(&sweep.0, &results)
}

/// An error where scores are no finite numbers.
pub(super) fn not_finite(sweep: &str, results: &SweepResults) -> Result<(), CliError> {
    match NotFinite::of(results).count() {
        None => Ok(()),
        Some(count) => Err(CliError::NotFinite { sweep: sweep.to_owned(), count }),
    }
}

/// The results of an ended sweep, or what there is so far.
pub(super) async fn fetch(client: &mut Client, sweep: &SweepId, partial: bool) -> Result<SweepResults, ClientError> {
    if partial { client.partial_results(sweep).await } else { client.results(sweep).await }
}

/// One line for people; `None`: all cells have been computed or never will be.
///
/// `status`: of all cells of the grid, or of those of one iteration.
pub(super) fn pending_cells(status: &[CellStatus]) -> Option<String> {
    let pending = status.iter().filter(|&&status| status == CellStatus::Pending).count();
    let cells = status.len();
    let number = CellStatus::Pending.number();
    (pending > 0).then(|| format!("{pending} of {cells} cells are still to be computed (status {number})"))
}

/// Where a sweep's results are; people have read it on stderr.
pub(super) struct Written<'a> {
    pub(super) status: &'a SweepStatus,
    pub(super) files: &'a ResultFiles,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct WrittenFields {
    /// The sweep's id.
    sweep: String,
    /// Its state.
    state: StateName,
    /// Why it is partial or failed; null where it is neither.
    reason: Option<String>,
    /// The paths of what was written.
    files: FileFields,
}

#[derive(Serialize, JsonSchema)]
struct FileFields {
    /// `scores.npz`.
    npz: String,
    /// `scores.safetensors`.
    safetensors: String,
    /// The folder `scores.zarr`.
    zarr: String,
    /// `scores.csv`; null without `--csv`.
    csv: Option<String>,
    /// `report.html`.
    report: String,
    /// `manifest.json`.
    manifest: String,
}

impl Output for Written<'_> {
    type Fields = WrittenFields;

    fn table(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn fields(&self) -> WrittenFields {
        let path = |path: &Path| output::path(&absolute(path));
        let ResultFiles { npz, safetensors, zarr, csv, report, manifest } = self.files;
        WrittenFields {
            sweep: self.status.sweep.0.clone(),
            state: (&self.status.state).into(),
            reason: self.status.state.reason().map(str::to_owned),
            files: FileFields {
                npz: path(npz),
                safetensors: path(safetensors),
                zarr: path(zarr),
                csv: csv.as_deref().map(path),
                report: path(report),
                manifest: path(manifest),
            },
        }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        let folder = absolute(&self.files.manifest);
        writeln!(out, "{}", folder.parent().unwrap_or(&folder).display())
    }
}
