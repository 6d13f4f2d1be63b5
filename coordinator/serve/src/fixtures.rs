//! Sweeps and workers for tests.

use std::time::{Duration, SystemTime};

use patchsweep_core::ids::{SweepId, WorkerId};
use patchsweep_core::scores::{CacheStats, MemoryUse};
use patchsweep_core::status::{GridProgress, Priority, SweepState, SweepStatus};
use patchsweep_core::workers::{WorkerState, WorkerStatus};

/// An idle worker.
#[must_use]
pub fn worker(number: u64) -> WorkerStatus {
    WorkerStatus {
        worker: WorkerId(number),
        name: format!("node:{number}"),
        device: "cuda:0".into(),
        state: WorkerState::Active,
        leases: Vec::new(),
        tiles_done: 7,
        multiply_adds_per_second: Some(2_500_000_000),
        silent: Duration::from_millis(2900),
        version: "0.1.0".into(),
        cache: CacheStats::default(),
        memory: MemoryUse::default(),
        hand: None,
        loaded: Vec::new(),
    }
}

/// A running sweep `s`.
#[must_use]
pub fn running() -> SweepStatus {
    status(SweepState::Running)
}

/// A sweep `s` in this state.
#[must_use]
pub fn status(state: SweepState) -> SweepStatus {
    SweepStatus {
        sweep: SweepId("s".into()),
        name: "s".into(),
        state,
        tiles_total: 4,
        tiles_done: 1,
        tiles_leased: 1,
        multiply_adds_total: 100,
        multiply_adds_done: 25,
        workers: 1,
        cells_total: 10,
        cells_noop: 2,
        tiles_failed: 0,
        priority: Priority::default(),
        results_dropped: 0,
        check_of: None,
        waiting: None,
        grids: vec![GridProgress {
            name: "z".into(),
            cells_total: 10,
            cells_noop: 2,
            cells_done: 2,
            tiles_total: 4,
            tiles_done: 1,
            multiply_adds_total: 100,
            multiply_adds_done: 25,
        }],
        submitted: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        elapsed: Duration::from_secs(5),
        multiply_adds_per_second: Some(5),
    }
}
