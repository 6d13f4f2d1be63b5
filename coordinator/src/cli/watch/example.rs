//! A running sweep for tests, half computed, with workers in every state.

use std::time::{Duration, SystemTime};

use patchsweep_core::events::LogEvent;
use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId, TileId, WorkerId};
use patchsweep_core::results::{CellStatus, SweepResults};
use patchsweep_core::scores::{CacheStats, MemoryUse};
use patchsweep_core::status::{BASELINES, GridProgress, SweepState, SweepStatus};
use patchsweep_core::workers::{InHand, WorkerState, WorkerStatus};
use patchsweep_results::fixtures::{example as finished, grid};
use patchsweep_serve::fixtures;

const GIGA: u64 = 1_000_000_000;

/// 44 % of the multiply-adds are done.
pub(super) fn status() -> SweepStatus {
    let grid = |name: &str, cells: (u64, u64, u64), tiles: (u32, u32), cost: (u64, u64)| GridProgress {
        name: name.into(),
        cells_total: cells.0,
        cells_noop: cells.1,
        cells_done: cells.2,
        tiles_total: tiles.0,
        tiles_done: tiles.1,
        multiply_adds_total: cost.0 * GIGA,
        multiply_adds_done: cost.1 * GIGA,
    };
    SweepStatus {
        sweep: SweepId("acronyms-1a2b3c4d".into()),
        name: "acronyms".into(),
        tiles_total: 72,
        tiles_done: 30,
        tiles_leased: 2,
        multiply_adds_total: 450 * GIGA,
        multiply_adds_done: 200 * GIGA,
        workers: 4,
        cells_total: 288,
        cells_noop: 151,
        grids: vec![
            grid(BASELINES, (6, 0, 6), (6, 6), (30, 30)),
            grid("resid_pre", (144, 100, 40), (26, 20), (160, 140)),
            grid("z", (144, 51, 12), (40, 4), (260, 30)),
        ],
        elapsed: Duration::from_secs(80),
        multiply_adds_per_second: Some(5 * GIGA / 2),
        ..fixtures::running()
    }
}

pub(super) fn workers() -> Vec<WorkerStatus> {
    let hand = |tile, attempt, grid: &str, seconds| InHand {
        lease: Lease { epoch: Epoch(1), sweep: status().sweep, tile: TileId(tile), attempt: Attempt(attempt) },
        grid: grid.into(),
        iteration: "Iteration 1".into(),
        since: Duration::from_secs(seconds),
        retries: 0,
    };
    let worker = |number: u64, name: &str, device: &str, state, hand: Option<InHand>| WorkerStatus {
        worker: WorkerId(number),
        name: name.into(),
        device: device.into(),
        state,
        leases: hand.iter().map(|hand| hand.lease.clone()).collect(),
        tiles_done: 7,
        multiply_adds_per_second: (number < 3).then_some(5 * GIGA / 4),
        silent: Duration::from_secs(if number == 3 { 14 } else { 1 }),
        version: "0.1.0".into(),
        cache: CacheStats { hits: 93 * (3 - number.min(3)), misses: 7, ..CacheStats::default() },
        memory: MemoryUse { used: number << 30, budget: if number < 4 { 9 << 30 } else { 0 } },
        hand,
        loaded: Vec::new(),
    };
    let broken = WorkerState::Quarantined { reason: "three failures in a row".into() };
    vec![
        worker(1, "node7:4711", "cuda:0", WorkerState::Active, Some(hand(31, 1, "resid_pre", 4))),
        worker(2, "node7:4712", "cuda:1", WorkerState::Active, Some(InHand { retries: 2, ..hand(40, 2, "z", 71) })),
        worker(3, "node8:17", "cpu", WorkerState::Leaving, None),
        worker(4, "node9:20", "cpu", broken, None),
    ]
}

/// Two tiles of `resid_pre` pending, no-ops in its first columns, one cell failed and one not a number.
pub(super) fn scores() -> SweepResults {
    let mut results = finished();
    for grid in &mut results.grids {
        let columns = grid.indices[1].len();
        let cells = grid.cells();
        for place in 0..grid.effect.len() {
            let (iteration, row, column) = (place / cells, place % cells / columns, place % columns);
            if grid.grid == "resid_pre" && (column < 2 || row == 0) {
                (grid.effect[place], grid.status[place]) = (0.0, CellStatus::NoOp);
            } else if iteration == 2 || iteration == 1 && row > 1 {
                (grid.effect[place], grid.status[place]) = (f32::NAN, CellStatus::Pending);
            }
        }
        (grid.effect[3 * columns + 2], grid.status[3 * columns + 2]) = (f32::NAN, CellStatus::Failed);
    }
    results
}

/// Heads of GPT-2 XL at each of 20 positions.
pub(super) fn large() -> SweepResults {
    SweepResults { grids: vec![grid("z", &["layer", "pos", "head"], &[48, 20, 25])], ..finished() }
}

pub(super) fn warnings() -> Vec<LogEvent> {
    let event = |seconds: u64, worker: &str, text: &str| LogEvent {
        at: moment(seconds),
        level: "warn".into(),
        sweep: status().sweep.0,
        worker: worker.into(),
        text: text.into(),
    };
    vec![event(10, "", "the state folder's disk is nearly full"), event(60, "node9:20", "worker quarantined")]
}

/// Seconds since these warnings' time began.
pub(super) fn moment(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

/// Every state that a sweep can be in while it is watched has a status; this one waits.
pub(super) fn waiting() -> SweepStatus {
    SweepStatus {
        state: SweepState::Running,
        waiting: Some("no worker has 9 GiB free".into()),
        multiply_adds_per_second: None,
        ..status()
    }
}
