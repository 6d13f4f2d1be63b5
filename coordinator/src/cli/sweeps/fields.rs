//! Sweeps as JSON.

use patchsweep_core::status::{SweepState, SweepStatus};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::progress;

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct SweepsFields {
    /// One for each sweep that was meant.
    sweeps: Vec<SweepFields>,
}

#[derive(Serialize, JsonSchema)]
struct SweepFields {
    /// Its id.
    sweep: String,
    /// As in the spec.
    name: String,
    /// Where it stands.
    state: StateName,
    /// Why it is partial or failed; null where it is neither.
    reason: Option<String>,
    /// What it waits for, where it runs and nobody can compute it; else null.
    waiting: Option<String>,
    /// How much of the work is done.
    percent: u64,
    /// Estimated multiply-adds of all its tiles.
    multiply_adds_total: u64,
    /// Of those that are done.
    multiply_adds_done: u64,
    /// Cells over all grids and iterations.
    cells_total: u64,
    /// Of those, cells that no worker computes, because their effect is 0 by causality.
    cells_noop: u64,
    /// Tiles.
    tiles_total: u32,
    /// Tiles whose scores are in.
    tiles_done: u32,
    /// Tiles that failed on every attempt.
    tiles_failed: u32,
    /// Tiles that workers hold now.
    tiles_leased: u32,
    /// Connected workers.
    workers: u32,
    /// Its share of the workers against other sweeps.
    priority: u8,
    /// Results that came too late or twice and were dropped, since the coordinator's start.
    results_dropped: u64,
    /// Of a check the id of the sweep that it checks; else null.
    check_of: Option<String>,
}

/// A sweep's state in one word.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum StateName {
    Running,
    Done,
    Partial,
    Failed,
    Cancelled,
}

impl SweepsFields {
    pub(in crate::cli) fn of<'a>(sweeps: impl IntoIterator<Item = &'a SweepStatus>) -> Self {
        Self { sweeps: sweeps.into_iter().map(SweepFields::from).collect() }
    }
}

impl From<&SweepStatus> for SweepFields {
    fn from(status: &SweepStatus) -> Self {
        Self {
            sweep: status.sweep.0.clone(),
            name: status.name.clone(),
            state: (&status.state).into(),
            reason: status.state.reason().map(str::to_owned),
            waiting: status.waiting.clone(),
            percent: progress::percent(status),
            multiply_adds_total: status.multiply_adds_total,
            multiply_adds_done: status.multiply_adds_done,
            cells_total: status.cells_total,
            cells_noop: status.cells_noop,
            tiles_total: status.tiles_total,
            tiles_done: status.tiles_done,
            tiles_failed: status.tiles_failed,
            tiles_leased: status.tiles_leased,
            workers: status.workers,
            priority: status.priority.get(),
            results_dropped: status.results_dropped,
            check_of: status.check_of.as_ref().map(|sweep| sweep.0.clone()),
        }
    }
}

impl From<&SweepState> for StateName {
    fn from(state: &SweepState) -> Self {
        match state {
            SweepState::Running => Self::Running,
            SweepState::Done => Self::Done,
            SweepState::Partial { .. } => Self::Partial,
            SweepState::Failed { .. } => Self::Failed,
            SweepState::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_has_the_same_name_in_json_and_in_tables() {
        let reason = String::new;
        let [partial, failed] = [SweepState::Partial { reason: reason() }, SweepState::Failed { reason: reason() }];
        for state in [SweepState::Running, SweepState::Done, partial, failed, SweepState::Cancelled] {
            assert_eq!(json!(StateName::from(&state)), state.name());
        }
    }
}
