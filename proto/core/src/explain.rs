//! Where a sweep's work is, as clients get it.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use crate::ids::{Attempt, TileId};
use crate::results::Coordinate;
use crate::status::SweepStatus;

/// Where a sweep's work is, or one cell's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepExplanation {
    /// The sweep.
    pub status: SweepStatus,
    /// Why nothing of it is computed now, one reason each; empty where something is, or where nothing is left.
    pub idle_because: Vec<String>,
    /// Workers whose memory is too small for the model's weights, so that these come to the device again and again, one each.
    pub streaming: Vec<String>,
    /// What went wrong with attempts at its tiles, by reason, the most frequent first.
    pub failures: Vec<FailureGroup>,
    /// The cell that was asked for.
    pub cell: Option<CellExplanation>,
}

/// Attempts that failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureGroup {
    /// As the workers reported.
    pub reason: String,
    /// Attempts.
    pub attempts: u64,
    /// Tiles that they were at, ascending; the first 20.
    pub tiles: Vec<TileId>,
    /// Those of all these tiles that get no more attempts.
    pub tiles_given_up: u64,
    /// Names of the workers, the first 20.
    pub workers: Vec<String>,
}

/// Where a cell's work is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellExplanation {
    /// The grid's name.
    pub grid: String,
    /// The iteration's label.
    pub iteration: String,
    /// Names of the grid's axes.
    pub axes: Vec<String>,
    /// The layer, position, head or neuron along each; of a position with a name its place.
    pub indices: Vec<u32>,
    /// The name along each axis, where it has one.
    pub names: Vec<Option<String>>,
    /// What it writes, in words, of two that meet the one that counts behind the other; the first 40.
    pub writes: Vec<String>,
    /// Why no worker computes it over some or all prompts, as its effect is 0 there; `None` where workers do over all.
    pub noop: Option<String>,
    /// Prompts over which no worker computes it.
    pub noop_prompts: u32,
    /// That its effect is estimated, and whether it is verified; `None` where it is computed.
    pub estimate: Option<String>,
    /// Of features of which only active ones are computed: that it is not known yet whether it is one; else `None`.
    pub activity: Option<String>,
    /// The tiles that it is in, by their prompts.
    pub tiles: Vec<TileExplanation>,
}

impl CellExplanation {
    /// What it is known by along each axis: a number or a name.
    pub fn coordinates(&self) -> impl Iterator<Item = Coordinate> {
        self.indices.iter().zip(&self.names).map(|(&index, name)| match name {
            Some(name) => Coordinate::Name(name.clone()),
            None => Coordinate::Number(index),
        })
    }
}

/// What has become of a tile, and which attempts failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileExplanation {
    /// Its index in the plan.
    pub tile: TileId,
    /// Prompts that it covers.
    pub prompts: Range<u32>,
    /// Cells that it has.
    pub cells: u32,
    /// Whether it waits, is computed, is done or will not be.
    pub state: TileState,
    /// Attempts that failed or were lost, in order.
    pub attempts: Vec<TileAttempt>,
}

/// What has become of a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TileState {
    /// It waits for a worker.
    Waiting,
    /// Workers hold it: one, or two where it is computed a second time.
    Leased(Vec<TileHolder>),
    /// Its scores are on disk.
    Done(TileOrigin),
    /// It failed on every attempt.
    GivenUp,
    /// Its sweep ended before it was computed.
    Left,
}

/// A worker that holds a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileHolder {
    /// Its name: host and process id.
    pub worker: String,
    /// The attempt.
    pub attempt: Attempt,
    /// How long it has held it.
    pub since: Duration,
}

/// Where kept scores came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileOrigin {
    /// The worker's name: host and process id.
    pub worker: String,
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// The attempt.
    pub attempt: Attempt,
    /// When the coordinator got them.
    pub at: SystemTime,
    /// How long the worker computed.
    pub busy: Duration,
}

/// An attempt that failed or was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileAttempt {
    /// The attempt.
    pub attempt: Attempt,
    /// The worker's name: host and process id.
    pub worker: String,
    /// As the worker reported, or how it was lost.
    pub reason: String,
}
