//! `patchsweep submit`, `list`, `status`, `cancel`, `resume`

use std::io::{self, Write, stdout};
use std::path::PathBuf;

use patchsweep_proto::ids::SweepId;
use patchsweep_proto::status::{Priority, SweepState, SweepStatus};
use serde_json::{Map, Value, json};

use super::output::{Output, Printer};
use super::submission::{Submission, TileArgs};
use super::{CliError, CoordinatorArgs, progress, table};
use crate::client;

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
    /// Share of the workers against other sweeps, 1 to 100: twice the number, twice the multiply-adds.
    #[arg(long, value_name = "N", default_value_t = Priority::default().get())]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=i64::from(Priority::MAX)))]
    priority: u8,
    #[command(flatten)]
    tiles: TileArgs,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct SweepArgs {
    /// The sweep's id, as `submit` printed it.
    pub(super) sweep: String,
    #[command(flatten)]
    pub(super) coordinator: CoordinatorArgs,
}

pub(super) async fn submit(args: SubmitArgs) -> Result<(), CliError> {
    let Submission { source, dataset, .. } = Submission::read(&args.spec)?;
    let mut client = args.coordinator.connect().await?;
    let submission = client::Submission {
        spec: source.text().to_owned(),
        dataset,
        options: args.tiles.options(),
        always_new: args.new,
        priority: Priority::new(args.priority).unwrap_or_default(),
    };
    let submitted = client.submit(submission).await;
    let (sweep, created) = submitted.map_err(|error| CliError::refused_spec(&args.spec, error))?;
    if !created {
        eprintln!("submitted before: this is the same sweep (--new computes it anew)");
    }
    writeln!(stdout(), "{sweep}")?;
    if args.wait {
        progress::follow(client.watch_patiently(&sweep).await?, &sweep.0).await?.whole(&sweep.0)?;
    }
    Ok(())
}

pub(super) async fn list(args: CoordinatorArgs, printer: Printer) -> Result<(), CliError> {
    let sweeps = args.connect().await?.list().await?;
    printer.print(&Sweeps(sweeps))
}

pub(super) async fn status(args: SweepArgs, printer: Printer) -> Result<(), CliError> {
    let status = args.coordinator.connect().await?.status(&SweepId(args.sweep)).await?;
    printer.print(&Sweeps(vec![status]))
}

pub(super) async fn cancel(args: SweepArgs, printer: Printer) -> Result<(), CliError> {
    let status = args.coordinator.connect().await?.cancel(&SweepId(args.sweep)).await?;
    printer.print(&Sweeps(vec![status]))
}

pub(super) async fn resume(args: SweepArgs, printer: Printer) -> Result<(), CliError> {
    let status = args.coordinator.connect().await?.resume(&SweepId(args.sweep)).await?;
    printer.print(&Sweeps(vec![status]))
}

/// Sweeps, one in each row.
pub(super) struct Sweeps(pub(super) Vec<SweepStatus>);

impl Output for Sweeps {
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}", text(&self.0))
    }

    fn json(&self) -> Map<String, Value> {
        Map::from_iter([("sweeps".to_owned(), self.0.iter().map(fields).collect())])
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|status| writeln!(out, "{}", status.sweep))
    }
}

fn fields(status: &SweepStatus) -> Value {
    json!({
        "sweep": status.sweep.0,
        "name": status.name,
        "state": status.state.name(),
        "reason": status.state.reason(),
        "waiting": status.waiting,
        "percent": progress::percent(status),
        "multiply_adds_total": status.multiply_adds_total,
        "multiply_adds_done": status.multiply_adds_done,
        "cells_total": status.cells_total,
        "cells_noop": status.cells_noop,
        "tiles_total": status.tiles_total,
        "tiles_done": status.tiles_done,
        "tiles_failed": status.tiles_failed,
        "tiles_leased": status.tiles_leased,
        "workers": status.workers,
        "priority": status.priority.get(),
        "results_dropped": status.results_dropped,
    })
}

fn text(sweeps: &[SweepStatus]) -> String {
    let mut table = table::new([
        "sweep", "state", "done", "cells", "no-ops", "tiles", "failed", "leased", "workers", "priority", "dropped",
    ]);
    for status in sweeps {
        table.add_row([
            status.sweep.to_string(),
            status.state.name().to_owned(),
            format!("{}%", progress::percent(status)),
            status.cells_total.to_string(),
            status.cells_noop.to_string(),
            format!("{}/{}", status.tiles_done, status.tiles_total),
            status.tiles_failed.to_string(),
            status.tiles_leased.to_string(),
            status.workers.to_string(),
            status.priority.get().to_string(),
            status.results_dropped.to_string(),
        ]);
    }
    let remarks = sweeps.iter().filter_map(|status| Some(format!("\n{} {}\n", status.sweep, remark(status)?)));
    format!("{}\n{}", table.trim_fmt(), remarks.collect::<String>())
}

/// What the table has no room for.
fn remark(status: &SweepStatus) -> Option<String> {
    match &status.state {
        SweepState::Running => status.waiting.as_ref().map(|reason| format!("waits: {reason}")),
        SweepState::Partial { reason } => Some(format!("is partial: {reason}")),
        SweepState::Failed { reason } => Some(format!("failed: {reason}")),
        SweepState::Done | SweepState::Cancelled => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::example::{running, status};

    #[test]
    fn each_sweep_has_a_row_without_spaces_in_its_columns() {
        let busy = SweepStatus { tiles_failed: 3, results_dropped: 5, ..running() };
        let text = text(&[busy]);
        let columns = |line: usize| text.lines().nth(line).expect("a line").split_whitespace().collect::<Vec<_>>();
        assert_eq!(columns(0)[6..], ["failed", "leased", "workers", "priority", "dropped"]);
        assert_eq!(columns(1), ["s", "running", "25%", "10", "2", "1/4", "3", "1", "1", "10", "5"]);
        assert_eq!(text.lines().count(), 2, "nothing more to say");
    }

    #[test]
    fn what_a_sweep_waits_for_and_why_it_is_not_whole_stands_below() {
        let waiting = SweepStatus { waiting: Some("no worker has its model".into()), ..running() };
        let partial = status(SweepState::Partial { reason: "no memory".into() });
        let text = text(&[waiting, partial, status(SweepState::Failed { reason: "no model".into() })]);
        for remark in ["\ns waits: no worker has its model\n", "\ns is partial: no memory\n", "\ns failed: no model\n"]
        {
            assert!(text.contains(remark), "{text}");
        }
    }
}
