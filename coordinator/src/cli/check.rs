//! `patchsweep check`: some cells of a sweep, computed again by plain forward passes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use patchsweep_core::check::{CheckOf, DEFAULT_FRACTION, LEAST_CELLS};
use patchsweep_core::ids::SweepId;
use patchsweep_core::results::SweepResults;
use patchsweep_core::status::Priority;
use patchsweep_process::talk;
use patchsweep_process::talk::warn;
use patchsweep_serve::check::{CheckReport, GridCheck};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::output::{Output, Printer};
use super::progress::LINE_EVERY;
use super::selector::{self, Selector};
use super::submission::{Submission, TileArgs};
use super::{CliError, CoordinatorArgs, progress, table};
use crate::client::{self, Client, Submitted};

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The spec of the sweep, which is computed first where that has not been done; or the id of a sweep, its beginning, or
    /// `last`.
    #[arg(value_name = "SPEC|SWEEP")]
    target: PathBuf,
    #[command(flatten)]
    sample: SampleArgs,
    #[command(flatten)]
    tiles: TileArgs,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

/// Which cells are drawn.
#[derive(Debug, Default, clap::Args)]
struct SampleArgs {
    /// Cells to draw among those that were computed; no-ops come beside them, a fourth as many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cells: Option<u32>,
    /// Cells to draw as a share of all cells, but at least 20 [default: 0.01].
    #[arg(long, value_name = "F", conflicts_with = "cells", value_parser = share)]
    fraction: Option<f64>,
    /// What they are drawn from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err("it must be above 0 and at most 1".to_owned()) }
}

pub(super) async fn check(args: CheckArgs, printer: Printer) -> Result<(), CliError> {
    let CheckArgs { target, sample, tiles, coordinator } = args;
    let submission = if target.is_file() { Some(Submission::read(&target)?) } else { None };
    let mut client = coordinator.connect().await?;
    let sweep = if let Some(submission) = submission {
        computed(&mut client, &target, submission, &tiles).await?
    } else {
        let Ok(selector) = target.to_string_lossy().parse::<Selector>();
        selector::one(&mut client, &selector).await?
    };
    let report = checked(&mut client, &sweep, &sample, LINE_EVERY, true).await?;
    printer.print(&report)?;
    agreement(report, true)
}

/// The sweep of a spec, once all that can be computed of it is.
async fn computed(
    client: &mut Client,
    spec: &Path,
    submission: Submission,
    tiles: &TileArgs,
) -> Result<SweepId, CliError> {
    let submission = client::Submission {
        spec: submission.source.text().to_owned(),
        dataset: submission.dataset,
        options: tiles.options(),
        always_new: false,
        priority: Priority::default(),
    };
    let submitted = client.submit(submission).await;
    let Submitted { sweep, warnings, .. } = submitted.map_err(|error| CliError::refused_spec(spec, error))?;
    warn(&warnings);
    // Cells of a partial sweep that have scores can be checked.
    let _ = progress::follow(client.watch_patiently(&sweep).await?, &sweep.0, LINE_EVERY).await?;
    Ok(sweep)
}

/// Checks the sweep of `run`, whose results these are, with the default sample, and writes the report into its manifest.
pub(super) async fn check_run(
    client: &mut Client,
    sweep: &SweepId,
    results: &mut SweepResults,
    every: Duration,
) -> Result<CheckReport, CliError> {
    // The coordinator ends with that command, so `resume` finds nothing.
    let report = checked(client, sweep, &SampleArgs::default(), every, false).await?;
    let mut manifest: Value = serde_json::from_str(&results.manifest).map_err(CliError::Manifest)?;
    manifest["check"] = json!(report);
    results.manifest = manifest.to_string();
    Ok(report)
}

async fn checked(
    client: &mut Client,
    sweep: &SweepId,
    sample: &SampleArgs,
    every: Duration,
    can_resume: bool,
) -> Result<CheckReport, CliError> {
    let cells = match sample.cells {
        Some(cells) => cells,
        None => share_of(client.status(sweep).await?.cells_total, sample.fraction.unwrap_or(DEFAULT_FRACTION)),
    };
    let check = CheckOf { sweep: sweep.clone(), cells, seed: sample.seed };
    let id = client.check(&check).await?;
    talk!("checking {sweep} as {id}");
    let status = progress::follow(client.watch_patiently(&id).await?, &id.0, every).await?;
    progress::outcome(&status, can_resume)?;
    let mut manifest: Value = serde_json::from_str(&client.results(&id).await?.manifest).map_err(CliError::Manifest)?;
    serde_json::from_value(manifest["check"].take()).map_err(CliError::Manifest)
}

/// A share of some cells, at least [`LEAST_CELLS`].
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn share_of(cells: u64, share: f64) -> u32 {
    // The cast ends at the largest number there is.
    ((cells as f64 * share).ceil() as u32).max(LEAST_CELLS)
}

/// An error where the scores differ, which names the worst cell. `can_submit`: whether the coordinator goes on after the command.
pub(super) fn agreement(report: CheckReport, can_submit: bool) -> Result<(), CliError> {
    let CheckReport { sweep, tolerance, agreed, worst, .. } = report;
    let Some(worst) = worst.filter(|_| !agreed) else { return Ok(()) };
    Err(CliError::CheckDisagrees { sweep, tolerance, worst: Box::new(worst), can_submit })
}

/// One line for people.
pub(super) fn summary(report: &CheckReport) -> String {
    let CheckReport { cells, noops, by_another_worker, tolerance, .. } = report;
    let verdict = if report.agreed { "agree" } else { "do NOT agree" };
    let difference = shown(report.largest_difference);
    let by = format!("{by_another_worker} of {cells} computed by another worker");
    let without = match report.without_score {
        0 => String::new(),
        failed => format!("; {failed} more have no score"),
    };
    let without = match report.not_finite {
        0 => without,
        cells => format!("{without}; {cells} more are not finite in both"),
    };
    format!(
        "check: {cells} cells and {noops} no-ops {verdict} (largest difference {difference}, tolerance {tolerance:e}); {by}{without}"
    )
}

fn shown(difference: Option<f64>) -> String {
    difference.map_or_else(|| "not a number".to_owned(), |difference| format!("{difference:.1e}"))
}

#[derive(Serialize, JsonSchema)]
pub(super) struct CheckFields {
    /// What the check found; the same stands in the manifest of a checked `run`.
    check: CheckReport,
}

impl Output for CheckReport {
    type Fields = CheckFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = table::new(["grid", "cells", "no-ops", "largest difference", "tolerance", "agree"]);
        for GridCheck { grid, cells, noops, largest_difference, tolerance, agreed } in &self.grids {
            rows.add_row([
                grid.clone(),
                cells.to_string(),
                noops.to_string(),
                shown(*largest_difference),
                format!("{tolerance:e}"),
                if *agreed { "yes" } else { "NO" }.to_owned(),
            ]);
        }
        let lines = rows.lines().map(|line| line.trim_end().to_owned());
        lines.into_iter().try_for_each(|line| writeln!(out, "{line}"))?;
        writeln!(out)?;
        writeln!(out, "computed by  {}", self.computed_by.join(", "))?;
        writeln!(out, "checked by   {}", self.checked_by.join(", "))?;
        writeln!(out, "{}", summary(self))
    }

    fn fields(&self) -> CheckFields {
        CheckFields { check: self.clone() }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.check)
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_serve::check::WorstCell;

    use super::*;

    fn report() -> CheckReport {
        let worst = WorstCell {
            grid: "z".into(),
            iteration: "Iteration 0".into(),
            cell: "3.1".into(),
            mean: "effect".into(),
            computed: Some(0.5),
            checked: None,
            computed_by: vec!["one:1".into()],
            checked_by: vec!["two:2".into()],
        };
        let grid = GridCheck {
            grid: "z".into(),
            cells: 20,
            noops: 5,
            largest_difference: Some(2.5e-6),
            tolerance: 1e-4,
            agreed: true,
        };
        CheckReport {
            sweep: "s".into(),
            check: "s-check".into(),
            seed: 0,
            cells: 20,
            noops: 5,
            without_score: 0,
            not_finite: 0,
            by_another_worker: 20,
            tolerance: 1e-4,
            largest_difference: Some(2.5e-6),
            agreed: true,
            computed_by: vec!["one:1".into()],
            checked_by: vec!["two:2".into()],
            grids: vec![grid],
            worst: Some(worst),
        }
    }

    #[test]
    fn a_check_draws_a_share_but_enough_to_mean_something() {
        assert_eq!([0, 100, 2001, 1_000_000].map(|cells| share_of(cells, 0.01)), [20, 20, 21, 10_000]);
        assert!(share("0").is_err() && share("1.1").is_err() && share("NaN").is_err());
        assert_eq!(share("1").map(f64::to_bits), Ok(1.0_f64.to_bits()));
    }

    #[test]
    fn agreement_is_reported_by_grid_and_in_one_line() {
        let mut out = Vec::new();
        report().table(&mut out).expect("memory does not fail");
        let text = String::from_utf8(out).expect("text");
        assert!(text.contains("z        20       5              2.5e-6       1e-4    yes\n"), "{text}");
        let last = "check: 20 cells and 5 no-ops agree (largest difference 2.5e-6, tolerance 1e-4); \
                    20 of 20 computed by another worker";
        assert_eq!(text.lines().last(), Some(last));
        agreement(report(), true).expect("it agrees");
    }

    #[test]
    fn disagreement_names_cell_values_workers_and_what_to_do() {
        for (can_submit, next) in
            [(true, "submit --new SPEC`"), (false, "the same command with --new and --overwrite does")]
        {
            let error = agreement(CheckReport { agreed: false, ..report() }, can_submit).expect_err("it does not");
            let text = error.to_string();
            for part in ["z", "Iteration 0", "3.1", "effect 0.5", "one:1", "not a number", "two:2"] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert!(text.lines().count() <= 5 && text.ends_with(next), "{text}");
        }
    }
}
