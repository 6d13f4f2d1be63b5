//! `patchsweep plan`

use std::io::{Write, stdout};
use std::path::PathBuf;

use patchsweep_proto::model::locate::ModelFolders;

use super::submission::{Submission, TileArgs};
use super::{CliError, table};
use crate::server::make_plan;

#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// The spec.
    spec: PathBuf,
    /// Folder that holds model folders, before the spec's own; may be given several times.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    tiles: TileArgs,
}

pub(super) fn plan(args: &PlanArgs) -> Result<(), CliError> {
    let submission = Submission::read(&args.spec)?;
    let folders = ModelFolders::with_hub_cache(submission.model_roots(args.models.clone()));
    let plan = make_plan(&folders, &submission.source, &submission.dataset, args.tiles.options());
    let plan = plan.map_err(|source| CliError::Planning { path: args.spec.clone(), source: source.into() })?;
    let context = &plan.context;
    let mut table = table::new(["grid", "cells", "no-ops", "tiles", "multiply-adds", "one pass per cell", "ratio"]);
    for grid in plan.summarize() {
        table.add_row([
            grid.name,
            grid.cells.to_string(),
            grid.noops.to_string(),
            grid.tiles.to_string(),
            scientific(grid.multiply_adds),
            scientific(grid.multiply_adds_naive),
            ratio(grid.multiply_adds_naive, grid.multiply_adds),
        ]);
    }
    let mut out = stdout().lock();
    writeln!(out, "sweep {}, digest {}", plan.name, plan.digest.short())?;
    writeln!(
        out,
        "{} prompts of {} tokens, {} iterations, {} tiles, {} multiply-adds\n",
        context.clean.prompts(),
        context.clean.positions(),
        context.iterations.len(),
        plan.tiles.len(),
        scientific(plan.multiply_adds()),
    )?;
    writeln!(out, "{}", table.trim_fmt())?;
    for (index, label) in plan.iteration_labels.iter().enumerate() {
        let unchanged = plan.unchanged_prompts(index);
        if unchanged > 0 {
            let prompts = context.clean.prompts();
            writeln!(out, "{label}: {unchanged} of {prompts} prompts are not corrupted; their effects are 0")?;
        }
    }
    Ok(())
}

/// Shown to three digits, where the loss of precision is the point.
#[allow(clippy::cast_precision_loss)]
fn scientific(count: u64) -> String {
    format!("{:.2e}", count as f64)
}

#[allow(clippy::cast_precision_loss)]
fn ratio(naive: u64, planned: u64) -> String {
    if planned == 0 { "-".to_owned() } else { format!("{:.1}x", naive as f64 / planned as f64) }
}
