//! `patchsweep submit`, `list`, `status`, `cancel`, `resume`

mod fields;

use std::io::{self, Write};
use std::path::PathBuf;

use patchsweep_core::ids::SweepId;
use patchsweep_core::status::{Priority, SweepState, SweepStatus};
use patchsweep_process::talk;
use patchsweep_process::talk::warn;
use schemars::JsonSchema;
use serde::Serialize;

pub(super) use fields::{StateName, SweepsFields};

use super::output::{Output, Printer};
use super::selector::{self, Selector};
use super::submission::{Submission, TileArgs};
use super::{CliError, CoordinatorArgs, progress, table};
use crate::client::{self, Client, ClientError, Submitted};

#[derive(Debug, clap::Args)]
pub(super) struct SubmitArgs {
    /// The spec, a TOML file.
    spec: PathBuf,
    /// Stay until the sweep has ended, and exit by its outcome.
    #[arg(long)]
    wait: bool,
    /// Compute anew even if the same plan has been submitted before, with the model as it is now.
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
    /// Id of the sweep, its beginning, or `last`.
    pub(super) sweep: Selector,
    #[command(flatten)]
    pub(super) coordinator: CoordinatorArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct SweepsArgs {
    /// Id of the sweep, its beginning, `last`, or `all`.
    sweep: Selector,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

pub(super) async fn submit(args: SubmitArgs, printer: Printer) -> Result<(), CliError> {
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
    let submitted = submitted.map_err(|error| CliError::refused_spec(&args.spec, error))?;
    warn(&submitted.warnings);
    if !submitted.created {
        let of_model = submitted.model.map(|model| format!(", whose scores are of the model {}", model.short()));
        talk!("submitted before: this is the same sweep{} (--new computes it anew)", of_model.unwrap_or_default());
    }
    printer.print(&submitted)?;
    if !args.wait {
        return Ok(());
    }
    let watch = client.watch_patiently(&submitted.sweep).await?;
    let status = progress::follow(watch, &submitted.sweep.0, progress::LINE_EVERY).await?;
    let outcome = progress::outcome(&status, true);
    printer.add(&Watched(status));
    outcome
}

pub(super) async fn list(args: CoordinatorArgs, printer: Printer) -> Result<(), CliError> {
    let sweeps = args.connect().await?.list().await?;
    printer.print(&Sweeps(sweeps))
}

pub(super) async fn status(args: SweepsArgs, printer: Printer) -> Result<(), CliError> {
    let mut client = args.coordinator.connect().await?;
    printer.print(&Sweeps(selector::several(&mut client, &args.sweep, |_| true).await?))
}

pub(super) async fn cancel(args: SweepsArgs, printer: Printer) -> Result<(), CliError> {
    change(args, printer, Change::Cancel).await
}

pub(super) async fn resume(args: SweepsArgs, printer: Printer) -> Result<(), CliError> {
    change(args, printer, Change::Resume).await
}

/// What can be done to sweeps.
#[derive(Clone, Copy)]
enum Change {
    Cancel,
    Resume,
}

impl Change {
    /// Whether it is meant for a sweep in that state, where all are named.
    fn is_for(self, state: &SweepState) -> bool {
        match self {
            Self::Cancel => !state.is_final(),
            Self::Resume => state.is_final() && *state != SweepState::Done,
        }
    }

    async fn apply(self, client: &mut Client, sweep: &SweepId) -> Result<SweepStatus, ClientError> {
        match self {
            Self::Cancel => client.cancel(sweep).await,
            Self::Resume => client.resume(sweep).await,
        }
    }

    fn nothing(self) -> &'static str {
        match self {
            Self::Cancel => "no sweep is running",
            Self::Resume => "no sweep lacks anything that could be resumed",
        }
    }
}

/// One sweep's refusal does not save the others; the first one is reported.
async fn change(args: SweepsArgs, printer: Printer, change: Change) -> Result<(), CliError> {
    let mut client = args.coordinator.connect().await?;
    let meant = selector::several(&mut client, &args.sweep, |state| change.is_for(state)).await?;
    if meant.is_empty() {
        talk!("{}", change.nothing());
    }
    let mut changed = Vec::new();
    let mut outcome = Ok(());
    for status in meant {
        match change.apply(&mut client, &status.sweep).await {
            Ok(status) => changed.push(status),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    if changed.is_empty() {
        printer.add(&Sweeps(changed));
    } else {
        printer.print(&Sweeps(changed))?;
    }
    Ok(outcome?)
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SubmitFields {
    /// The sweep's id.
    sweep: String,
    /// Whether it is new; false: it was submitted before, with the model as it is now.
    created: bool,
    /// Of a sweep that was submitted before: digest of the model that its scores so far are of, as `model.digest` in the
    /// manifest; null where it has none.
    model_digest: Option<String>,
    /// What a person should know before trusting the scores, one sentence each.
    warnings: Vec<String>,
}

impl Output for Submitted {
    type Fields = SubmitFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.sweep)
    }

    fn fields(&self) -> SubmitFields {
        SubmitFields {
            sweep: self.sweep.0.clone(),
            created: self.created,
            model_digest: self.model.map(|digest| digest.to_hex()),
            warnings: self.warnings.clone(),
        }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.table(out)
    }
}

/// The last status of a sweep that was followed; people have read it on stderr.
struct Watched(SweepStatus);

impl Output for Watched {
    type Fields = SweepsFields;

    fn table(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn fields(&self) -> SweepsFields {
        SweepsFields::of([&self.0])
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.0.sweep)
    }
}

/// Sweeps, one in each row.
pub(super) struct Sweeps(pub(super) Vec<SweepStatus>);

impl Output for Sweeps {
    type Fields = SweepsFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}", text(&self.0))
    }

    fn fields(&self) -> SweepsFields {
        SweepsFields::of(&self.0)
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|status| writeln!(out, "{}", status.sweep))
    }
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
    use patchsweep_serve::fixtures::{running, status};

    use super::*;

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
