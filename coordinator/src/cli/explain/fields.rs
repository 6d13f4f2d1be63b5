//! A sweep's or a cell's work as JSON.

use std::collections::BTreeMap;
use std::time::SystemTime;

use patchsweep_core::explain::{
    CellExplanation, FailureGroup, SweepExplanation, TileAttempt, TileExplanation, TileHolder, TileOrigin, TileState,
};
use patchsweep_core::results::Coordinate;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::sweeps::StateName;

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ExplainFields {
    /// The sweep's id.
    sweep: String,
    /// Its state.
    state: StateName,
    /// Why it is partial or failed; null where it is neither.
    reason: Option<String>,
    /// Why nothing of it is computed now, one sentence each; empty where something is, or where nothing is to be done.
    idle_because: Vec<String>,
    /// Workers whose memory is too small for the model's weights, so that these come to the device again and again, one
    /// sentence each.
    streaming: Vec<String>,
    /// Attempts that failed, by reason, the most frequent first.
    failures: Vec<FailureFields>,
    /// The cell that was asked for; null where none was.
    cell: Option<CellFields>,
}

#[derive(Serialize, JsonSchema)]
struct FailureFields {
    /// As the workers reported it.
    reason: String,
    /// Attempts that failed for this reason.
    attempts: u64,
    /// Indices of the tiles that they were at, the first 20.
    tiles: Vec<u32>,
    /// How many of all these tiles get no more attempts.
    tiles_given_up: u64,
    /// Names of the workers, the first 20.
    workers: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct CellFields {
    /// The grid's name.
    grid: String,
    /// The iteration's label.
    iteration: String,
    /// The cell's index along each axis of its grid, by the axis' name; of a position that may be another one in each prompt its
    /// name.
    indices: BTreeMap<String, Coordinate>,
    /// What it writes, one after the other; of two that meet at one place the later one counts. The first 40.
    writes: Vec<String>,
    /// Why no worker computes it over some or all prompts, as it changes no score there; else null.
    noop: Option<String>,
    /// How many prompts that are.
    noop_prompts: u32,
    /// That its effect is estimated, and whether it is verified; null where it is computed.
    estimate: Option<String>,
    /// Of features of which only active ones are computed: that it is not known yet whether it is one; else null.
    activity: Option<String>,
    /// The tiles that it is in, by their prompts.
    tiles: Vec<TileFields>,
}

#[derive(Serialize, JsonSchema)]
struct TileFields {
    /// Its index in the plan.
    tile: u32,
    /// Its prompts: the first one, and the one behind its last.
    prompts: [u32; 2],
    /// Its cells.
    cells: u32,
    /// Where it is.
    state: TileStateName,
    /// Attempts that failed or were lost, in order.
    attempts: Vec<AttemptFields>,
    /// Who has it, of a leased one; two where it is computed a second time.
    #[serde(skip_serializing_if = "Option::is_none")]
    holders: Option<Vec<HolderFields>>,
    /// Where its scores came from, of one that is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultFields>,
}

#[derive(Serialize, JsonSchema)]
struct AttemptFields {
    /// Its number, from 1.
    attempt: u32,
    /// The worker's name.
    worker: String,
    /// As the worker reported it, or how it was lost.
    reason: String,
}

#[derive(Serialize, JsonSchema)]
struct HolderFields {
    /// The worker's name.
    worker: String,
    /// Which attempt it is, from 1.
    attempt: u32,
    /// How long it has had it.
    since_seconds: f64,
}

#[derive(Serialize, JsonSchema)]
struct ResultFields {
    /// The worker's name.
    worker: String,
    /// Where it computed: `cpu`, `cuda:0`, ..
    device: String,
    /// Which attempt it was, from 1.
    attempt: u32,
    /// When the coordinator got the scores, since 1970.
    unix_seconds: f64,
    /// How long the worker computed.
    busy_seconds: f64,
}

/// What has become of a tile, in one word.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum TileStateName {
    /// It waits for a worker.
    Waiting,
    /// Workers have it.
    Leased,
    /// Its scores are on disk.
    Done,
    /// It failed on every attempt.
    Failed,
    /// Its sweep ended before it was computed.
    Left,
}

impl From<&SweepExplanation> for ExplainFields {
    fn from(explanation: &SweepExplanation) -> Self {
        let SweepExplanation { status, idle_because, streaming, failures, cell } = explanation;
        Self {
            sweep: status.sweep.0.clone(),
            state: (&status.state).into(),
            reason: status.state.reason().map(str::to_owned),
            idle_because: idle_because.clone(),
            streaming: streaming.clone(),
            failures: failures.iter().map(FailureFields::from).collect(),
            cell: cell.as_ref().map(CellFields::from),
        }
    }
}

impl From<&FailureGroup> for FailureFields {
    fn from(group: &FailureGroup) -> Self {
        Self {
            reason: group.reason.clone(),
            attempts: group.attempts,
            tiles: group.tiles.iter().map(|tile| tile.0).collect(),
            tiles_given_up: group.tiles_given_up,
            workers: group.workers.clone(),
        }
    }
}

impl From<&CellExplanation> for CellFields {
    fn from(cell: &CellExplanation) -> Self {
        Self {
            grid: cell.grid.clone(),
            iteration: cell.iteration.clone(),
            indices: cell.axes.iter().cloned().zip(cell.coordinates()).collect(),
            writes: cell.writes.clone(),
            noop: cell.noop.clone(),
            noop_prompts: cell.noop_prompts,
            estimate: cell.estimate.clone(),
            activity: cell.activity.clone(),
            tiles: cell.tiles.iter().map(TileFields::from).collect(),
        }
    }
}

impl From<&TileExplanation> for TileFields {
    fn from(tile: &TileExplanation) -> Self {
        let (mut holders, mut result) = (None, None);
        match &tile.state {
            TileState::Leased(held) => holders = Some(held.iter().map(HolderFields::from).collect()),
            TileState::Done(origin) => result = Some(origin.into()),
            TileState::Waiting | TileState::GivenUp | TileState::Left => {}
        }
        Self {
            tile: tile.tile.0,
            prompts: [tile.prompts.start, tile.prompts.end],
            cells: tile.cells,
            state: (&tile.state).into(),
            attempts: tile.attempts.iter().map(AttemptFields::from).collect(),
            holders,
            result,
        }
    }
}

impl From<&TileAttempt> for AttemptFields {
    fn from(attempt: &TileAttempt) -> Self {
        Self { attempt: attempt.attempt.0, worker: attempt.worker.clone(), reason: attempt.reason.clone() }
    }
}

impl From<&TileHolder> for HolderFields {
    fn from(holder: &TileHolder) -> Self {
        let since_seconds = holder.since.as_secs_f64();
        Self { worker: holder.worker.clone(), attempt: holder.attempt.0, since_seconds }
    }
}

impl From<&TileOrigin> for ResultFields {
    fn from(origin: &TileOrigin) -> Self {
        let at = origin.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            worker: origin.worker.clone(),
            device: origin.device.clone(),
            attempt: origin.attempt.0,
            unix_seconds: at.as_secs_f64(),
            busy_seconds: origin.busy.as_secs_f64(),
        }
    }
}

impl From<&TileState> for TileStateName {
    fn from(state: &TileState) -> Self {
        match state {
            TileState::Waiting => Self::Waiting,
            TileState::Leased(_) => Self::Leased,
            TileState::Done(_) => Self::Done,
            TileState::GivenUp => Self::Failed,
            TileState::Left => Self::Left,
        }
    }
}
