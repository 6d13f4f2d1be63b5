//! `patchsweep results`, `top`

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use patchsweep_proto::ids::SweepId;
use patchsweep_proto::results::{GridScores, STATUS_NOT_FINITE, SweepResults};

use super::{CliError, CoordinatorArgs};
use crate::results::{Overwrite, cell_label, check_folder, top_cells, write_folder};

/// Where results go.
#[derive(Debug, clap::Args)]
pub(super) struct OutArgs {
    /// Folder for the tensors, the manifest and the report; made if missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Replace the results that are in the folder.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ResultsArgs {
    /// The sweep's id, as `submit` printed it.
    sweep: String,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct TopArgs {
    /// The sweep's id, as `submit` printed it.
    sweep: String,
    /// How many cells per grid and iteration.
    #[arg(short, default_value_t = 5)]
    k: usize,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

impl OutArgs {
    /// Refuses a folder that cannot take results, before any work.
    pub(super) fn check(&self) -> Result<(), CliError> {
        Ok(check_folder(&self.out, self.policy())?)
    }

    /// Writes the results and says where.
    pub(super) fn write(&self, results: &SweepResults) -> Result<(), CliError> {
        let files = write_folder(results, &self.out, self.policy())?;
        for grid in &results.grids {
            let not_finite = grid.status.iter().filter(|&&status| status == STATUS_NOT_FINITE).count();
            if not_finite > 0 {
                let name = results.tensor_name(grid);
                eprintln!("warning: {not_finite} cells of {name} are not finite numbers (status {STATUS_NOT_FINITE})");
            }
        }
        eprintln!("report: {}", absolute(&files.report).display());
        Ok(())
    }

    fn policy(&self) -> Overwrite {
        if self.overwrite { Overwrite::Replace } else { Overwrite::Refuse }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

pub(super) async fn results(args: ResultsArgs) -> Result<(), CliError> {
    args.out.check()?;
    let results = args.coordinator.connect().await?.results(&SweepId(args.sweep)).await?;
    args.out.write(&results)
}

pub(super) async fn top(args: TopArgs) -> Result<(), CliError> {
    let results = args.coordinator.connect().await?.results(&SweepId(args.sweep)).await?;
    print_top(&results, args.k, |_| true)
}

/// The strongest cells per iteration of those grids that `show` picks.
pub(super) fn print_top(results: &SweepResults, k: usize, show: impl Fn(&GridScores) -> bool) -> Result<(), CliError> {
    let mut out = stdout().lock();
    for grid in results.grids.iter().filter(|grid| show(grid)) {
        for (iteration, label) in results.iteration_labels.iter().enumerate() {
            writeln!(out, "{} · {label}: strongest effects", results.tensor_name(grid))?;
            for cell in top_cells(grid, iteration, k) {
                let name = cell_label(grid, &cell.indices, &results.token_labels);
                writeln!(out, "  {name:<24} {:>9.4} ± {:.4}", cell.effect, cell.stderr)?;
            }
        }
    }
    Ok(())
}
