//! What a client is told of connected workers.

use std::time::Duration;

use crate::ids::{Lease, WorkerId};

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
