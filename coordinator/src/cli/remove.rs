//! `patchsweep remove`

use std::collections::BTreeSet;

use patchsweep_core::ids::SweepId;
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_process::talk;

use super::output::Printer;
use super::selector::Selector;
use super::sweeps::Sweeps;
use super::{CliError, CoordinatorArgs};
use crate::client::Client;

#[derive(Debug, clap::Args)]
pub(super) struct RemoveArgs {
    /// Ids of the sweeps, their beginnings, `last`, or `all` for all that have ended.
    #[arg(required = true, value_name = "SWEEP")]
    sweeps: Vec<Selector>,
    #[command(flatten)]
    coordinator: CoordinatorArgs,
}

/// Nothing is removed where a word means no sweep. One sweep's refusal does not save the others; the first one is reported.
pub(super) async fn remove(args: RemoveArgs, printer: Printer) -> Result<(), CliError> {
    let mut client = args.coordinator.connect().await?;
    let meant = meant(&mut client, &args.sweeps).await?;
    if meant.is_empty() {
        talk!("no sweep has ended");
    }
    let mut removed: Vec<SweepStatus> = Vec::new();
    let mut outcome = Ok(());
    for sweep in meant {
        // A check goes with its sweep.
        if removed.iter().any(|status| status.sweep == sweep) {
            continue;
        }
        match client.remove(&sweep).await {
            Ok(sweeps) => removed.extend(sweeps),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    if removed.is_empty() {
        printer.add(&Sweeps(removed));
    } else {
        printer.print(&Sweeps(removed))?;
    }
    Ok(outcome?)
}

/// Each sweep once, in the order in which they are named.
async fn meant(client: &mut Client, selectors: &[Selector]) -> Result<Vec<SweepId>, CliError> {
    let mut seen = BTreeSet::new();
    let mut meant = Vec::new();
    let sweeps = client.list().await?;
    for selector in selectors {
        let named = selector.several(&sweeps, SweepState::is_final)?;
        meant.extend(named.into_iter().map(|status| status.sweep.clone()).filter(|sweep| seen.insert(sweep.clone())));
    }
    Ok(meant)
}
