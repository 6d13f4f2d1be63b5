//! What is kept.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Epoch, Lease, SweepId, TileId};
use patchsweep_core::length;
use patchsweep_core::scores::{CacheStats, TileScores, WorkDone};
use patchsweep_core::status::{Priority, SweepState};
use patchsweep_plan::Plan;
use patchsweep_schedule::Past;
use prost::bytes::Bytes;

/// One thing to keep. Keeping it twice is keeping it once, so that a write whose outcome is unknown can be repeated.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A new sweep, running. One that is kept already stays as it is.
    Sweep(Box<KeptSweep>),
    /// A sweep whose plan has more tiles now, behind those that it had.
    Extended(Box<KeptSweep>),
    /// A tile's scores. The first ones stay.
    Result(Box<KeptResult>),
    /// An attempt that failed or was lost.
    Failure(FailedAttempt),
    /// A tile gets no more attempts.
    GivenUp {
        /// The sweep.
        sweep: SweepId,
        /// Its tile.
        tile: TileId,
    },
    /// The sweep runs again; what went wrong with these tiles is forgotten.
    Resumed {
        /// The sweep.
        sweep: SweepId,
        /// Its tiles that had been given up.
        tiles: Vec<TileId>,
    },
    /// How a sweep has ended.
    Ended {
        /// The sweep.
        sweep: SweepId,
        /// Where it stands now.
        state: SweepState,
        /// Seconds from submission, or the last resumption, to the end.
        seconds: f64,
        /// When; kept to the millisecond.
        at: SystemTime,
    },
    /// Ended sweeps and all that is kept of them are forgotten, all at once.
    Removed {
        /// The sweeps.
        sweeps: Vec<SweepId>,
        /// No sweep runs, so that nobody waits for the disk: the file may give back their room at once. Else it does when it
        /// is opened the next time.
        is_idle: bool,
    },
}

/// A sweep as it was planned.
#[derive(Clone, Debug)]
pub struct KeptSweep {
    /// Its name in commands.
    pub id: SweepId,
    /// All that was decided before work started.
    pub plan: Arc<Plan>,
    /// Its context as it is encoded: what the plan's digest is over.
    pub context: Bytes,
    /// Of the dataset file.
    pub dataset: Digest,
    /// Its share of the workers.
    pub priority: Priority,
    /// When it was submitted; kept to the millisecond.
    pub submitted: SystemTime,
    /// What tells it from others of its name or its plan.
    pub arrival: Arrival,
}

/// What tells a sweep from others of its name or its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The coordinator's life in which it was submitted: leases of earlier ones are of another sweep that had its name.
    pub epoch: Epoch,
    /// A stamp of the model's files, as the coordinator found them; `None` of a check.
    pub files: Option<Digest>,
}

/// The kept scores of a tile, and whose they are.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptResult {
    /// As computed.
    pub lease: Lease,
    /// Host and process id.
    pub worker: String,
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// What it computed.
    pub completed: Completed,
    /// What the worker's cache did for this tile.
    pub cache: CacheStats,
    /// When the coordinator got them, to the millisecond.
    pub received: SystemTime,
}

/// A tile that was computed, as its worker reports it and as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Completed {
    /// The scores.
    pub scores: TileScores,
    /// The model that they are of.
    pub model: Digest,
    /// What readers of the scores should know of its weights.
    pub notes: Vec<String>,
    /// How long the worker had the tile in hand.
    pub busy: Duration,
    /// What was executed.
    pub work: WorkDone,
}

/// One attempt that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The attempt.
    pub lease: Lease,
    /// Host and process id.
    pub worker: String,
    /// One line for people.
    pub reason: String,
}

/// What went wrong with a tile so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileFailures {
    /// In order.
    pub attempts: Vec<FailedAttempt>,
    /// The tile gets no more attempts until the sweep is resumed.
    pub given_up: bool,
}

impl From<TileFailures> for Past {
    fn from(failures: TileFailures) -> Self {
        if failures.given_up {
            let last = failures.attempts.into_iter().next_back();
            return Self::GivenUp { reason: last.map(|attempt| attempt.reason).unwrap_or_default() };
        }
        Self::Failures(length(failures.attempts.len()))
    }
}
