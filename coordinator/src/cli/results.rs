//! `patchsweep results`, `top`

use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};

use patchsweep_proto::ids::SweepId;
use patchsweep_proto::results::{GridScores, STATUS_NOT_FINITE, SweepResults};
use patchsweep_proto::status::SweepState;

use super::progress::Ended;
use super::{CliError, CoordinatorArgs};
use crate::results::{Failures, Overwrite, WriteOptions, cell_label, check_folder, top_cells, write_folder};
use crate::statistics::Statistics;

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
        let files = write_folder(results, &self.out, WriteOptions { overwrite: self.policy(), csv: self.csv })?;
        let failures = Failures::of(results);
        for grid in &results.grids {
            if let Some(told) = failures.of_grid(grid) {
                eprintln!("warning: {}: {told}", results.tensor_name(grid));
            }
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
    let mut client = args.coordinator.connect().await?;
    let sweep = SweepId(args.sweep);
    let results = client.results(&sweep).await?;
    let state = client.status(&sweep).await?.state;
    args.out.write(&results)?;
    let ended = match state {
        SweepState::Partial { reason } => Ended::Partial { reason },
        _ => Ended::Done,
    };
    ended.whole(&sweep.0)
}

pub(super) async fn top(args: TopArgs) -> Result<(), CliError> {
    let results = args.coordinator.connect().await?.results(&SweepId(args.sweep)).await?;
    print_top(&results, args.k, |_| true)
}

/// The strongest cells per iteration of those grids that `show` picks.
pub(super) fn print_top(results: &SweepResults, k: usize, show: impl Fn(&GridScores) -> bool) -> Result<(), CliError> {
    let mut out = stdout().lock();
    write!(out, "{}", top_text(results, k, show))?;
    Ok(())
}

fn top_text(results: &SweepResults, k: usize, show: impl Fn(&GridScores) -> bool) -> String {
    let failures = Failures::of(results);
    let mut text = String::new();
    for grid in results.grids.iter().filter(|grid| show(grid)) {
        let statistics = Statistics::of(grid);
        for (iteration, label) in results.iteration_labels.iter().enumerate() {
            let _ = writeln!(text, "{} · {label}: strongest effects", results.tensor_name(grid));
            for cell in top_cells(grid, &statistics, iteration, k) {
                let name = cell_label(grid, &cell.indices, &results.token_labels);
                let _ = writeln!(text, "  {name:<24} {:>9.4} ± {:.4}", cell.effect, cell.stderr);
            }
            if let Some(told) = failures.of_iteration(grid, iteration) {
                let _ = writeln!(text, "  {told}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use patchsweep_proto::results::STATUS_FAILED;

    use super::*;
    use crate::results::example::example;

    #[test]
    fn cells_that_failed_are_counted_below_the_strongest() {
        let mut results = example();
        let whole = top_text(&results, 5, |grid| grid.grid == "z" && grid.metric == 0);
        assert!(!whole.contains("failed"), "{whole}");
        let z = results.grids.iter_mut().find(|grid| grid.grid == "z").expect("z");
        z.status[0] = STATUS_FAILED;
        (z.effect[0], z.value[0], z.stderr[0], z.count[0]) = (f32::NAN, f32::NAN, f32::NAN, 0);
        let text = top_text(&results, 16, |grid| grid.grid == "z" && grid.metric == 0);
        assert!(!text.contains("NaN"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3 + 15 + 1 + 2 * 16);
        assert_eq!(lines[16], "  1 of 16 cells failed (status 3): manifest.json says why");
    }
}
