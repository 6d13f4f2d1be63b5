//! Connected workers as clients get them.

use std::time::Duration;

use crate::ids::{Lease, WorkerId};
use crate::model::LoadedModel;
use crate::scores::{CacheStats, MemoryUse};

/// A connected worker at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its session.
    pub worker: WorkerId,
    /// Host and process id.
    pub name: String,
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// What it is doing.
    pub state: WorkerState,
    /// Leases that it holds.
    pub leases: Vec<Lease>,
    /// Tiles whose scores were kept, in this session.
    pub tiles_done: u64,
    /// Measured multiply-adds per second; `None`: not measured yet.
    pub multiply_adds_per_second: Option<u64>,
    /// Since it was last heard.
    pub silent: Duration,
    /// The release of its program.
    pub version: String,
    /// What its cache did since it started, as it last reported.
    pub cache: CacheStats,
    /// What it uses of its device's memory, as it last reported.
    pub memory: MemoryUse,
    /// The tile that it computes now.
    pub hand: Option<InHand>,
    /// Models in its memory, as it last reported; the one that was used last is the last.
    pub loaded: Vec<LoadedModel>,
}

/// A tile that a worker computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHand {
    /// As granted.
    pub lease: Lease,
    /// The grid's name; [`crate::status::BASELINES`] for those.
    pub grid: String,
    /// The iteration's label.
    pub iteration: String,
    /// How long it has been this one.
    pub since: Duration,
    /// Batches of it that did not fit the memory so far.
    pub retries: u64,
}

/// What a worker is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// Takes leases.
    Active,
    /// Finishes what it holds and leaves.
    Leaving,
    /// Holds a lease that is long overdue; gets no other until it answers.
    Stuck,
    /// Gets no leases.
    Quarantined {
        /// Which failures led to it.
        reason: String,
    },
}

impl WorkerState {
    /// One word for tables and JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Leaving => "leaving",
            Self::Stuck => "stuck",
            Self::Quarantined { .. } => "quarantined",
        }
    }
}
