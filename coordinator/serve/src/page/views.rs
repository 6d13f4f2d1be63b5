//! Sweeps, workers and warnings as the page gets them. Lists and texts are cut, so that every answer is bounded.

use std::time::{SystemTime, UNIX_EPOCH};

use patchsweep_core::events::LogEvent;
use patchsweep_core::status::{BASELINES, GridProgress, SweepState, SweepStatus};
use patchsweep_core::workers::{InHand, WorkerState, WorkerStatus};
use serde::Serialize;

/// Sweeps, workers and grids in an answer.
const MOST: usize = 500;

/// Characters of a name, a label or a reason.
const MOST_CHARACTERS: usize = 300;

/// The first characters of a text.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Equal as long as no score has come in, and no cells were chosen.
pub(super) fn version(status: &SweepStatus) -> String {
    let SweepStatus { tiles_total, tiles_done, tiles_failed, .. } = status;
    format!("{} {tiles_done} {tiles_failed} {tiles_total}", status.state.name())
}

/// The newest sweeps.
#[derive(Debug, Serialize)]
pub(super) struct Sweeps {
    sweeps: Vec<SweepView>,
    total: usize,
}

impl Sweeps {
    pub(super) fn new(sweeps: &[SweepStatus]) -> Self {
        Self { sweeps: sweeps.iter().rev().take(MOST).map(SweepView::short).collect(), total: sweeps.len() }
    }
}

/// A sweep.
#[derive(Debug, Serialize)]
pub(super) struct SweepView {
    id: String,
    name: String,
    state: &'static str,
    reason: Option<String>,
    waiting: Option<String>,
    version: String,
    cells: Cells,
    tiles: Tiles,
    multiply_adds: Work,
    elapsed_seconds: f64,
    remaining_seconds: Option<f64>,
    submitted_unix_seconds: u64,
    grids: Vec<GridView>,
}

#[derive(Debug, Serialize)]
struct Cells {
    total: u64,
    noop: u64,
    done: u64,
}

#[derive(Debug, Serialize)]
struct Tiles {
    total: u32,
    done: u32,
    failed: u32,
}

#[derive(Debug, Serialize)]
struct Work {
    total: u64,
    done: u64,
    per_second: Option<u64>,
}

/// How far a grid is.
#[derive(Debug, Serialize)]
struct GridView {
    name: String,
    /// Whether there are heat maps of it.
    maps: bool,
    cells: Cells,
    multiply_adds: Work,
}

impl SweepView {
    /// For the list.
    fn short(status: &SweepStatus) -> Self {
        Self {
            id: status.sweep.to_string(),
            name: cut(&status.name),
            state: status.state.name(),
            reason: status.state.reason().map(cut),
            waiting: status.waiting.as_deref().map(cut),
            version: version(status),
            cells: Cells { total: status.cells_total, noop: status.cells_noop, done: cells_done(status) },
            tiles: Tiles { total: status.tiles_total, done: status.tiles_done, failed: status.tiles_failed },
            multiply_adds: Work {
                total: status.multiply_adds_total,
                done: status.multiply_adds_done,
                per_second: status.multiply_adds_per_second,
            },
            elapsed_seconds: status.elapsed.as_secs_f64(),
            remaining_seconds: status.remaining().map(|remaining| remaining.as_secs_f64()),
            submitted_unix_seconds: unix_ms(status.submitted) / 1000,
            grids: Vec::new(),
        }
    }

    /// With its grids.
    pub(super) fn whole(status: &SweepStatus) -> Self {
        Self { grids: status.grids.iter().take(MOST).map(GridView::new).collect(), ..Self::short(status) }
    }
}

impl GridView {
    fn new(grid: &GridProgress) -> Self {
        Self {
            name: cut(&grid.name),
            maps: grid.name != BASELINES,
            cells: Cells { total: grid.cells_total, noop: grid.cells_noop, done: grid.cells_done },
            multiply_adds: Work { total: grid.multiply_adds_total, done: grid.multiply_adds_done, per_second: None },
        }
    }
}

/// Of all grids; baselines are not among a sweep's cells.
fn cells_done(status: &SweepStatus) -> u64 {
    if status.state == SweepState::Done {
        return status.cells_total - status.cells_noop;
    }
    status.grids.iter().filter(|grid| grid.name != BASELINES).map(|grid| grid.cells_done).sum()
}

/// Connected workers.
#[derive(Debug, Serialize)]
pub(super) struct Workers {
    workers: Vec<WorkerView>,
    total: usize,
}

impl Workers {
    pub(super) fn new(workers: &[WorkerStatus]) -> Self {
        Self { workers: workers.iter().take(MOST).map(WorkerView::new).collect(), total: workers.len() }
    }
}

#[derive(Debug, Serialize)]
struct WorkerView {
    id: String,
    name: String,
    version: String,
    device: String,
    state: &'static str,
    reason: Option<String>,
    leases: usize,
    tiles_done: u64,
    multiply_adds_per_second: Option<u64>,
    silent_seconds: f64,
    cache: Cache,
    memory: Memory,
    hand: Option<Hand>,
}

#[derive(Debug, Serialize)]
struct Cache {
    hits: u64,
    misses: u64,
}

/// In bytes.
#[derive(Debug, Serialize)]
struct Memory {
    used: u64,
    budget: u64,
}

/// The tile that is computed now.
#[derive(Debug, Serialize)]
struct Hand {
    sweep: String,
    grid: String,
    iteration: String,
    seconds: f64,
    attempt: u32,
    retries: u64,
}

impl WorkerView {
    fn new(worker: &WorkerStatus) -> Self {
        Self {
            id: worker.worker.to_string(),
            name: cut(&worker.name),
            version: cut(&worker.version),
            device: cut(&worker.device),
            state: worker.state.name(),
            reason: match &worker.state {
                WorkerState::Quarantined { reason } => Some(cut(reason)),
                WorkerState::Active | WorkerState::Leaving | WorkerState::Stuck => None,
            },
            leases: worker.leases.len(),
            tiles_done: worker.tiles_done,
            multiply_adds_per_second: worker.multiply_adds_per_second,
            silent_seconds: worker.silent.as_secs_f64(),
            cache: Cache { hits: worker.cache.hits, misses: worker.cache.misses },
            memory: Memory { used: worker.memory.used, budget: worker.memory.budget },
            hand: worker.hand.as_ref().map(Hand::new),
        }
    }
}

impl Hand {
    fn new(hand: &InHand) -> Self {
        Self {
            sweep: hand.lease.sweep.to_string(),
            grid: cut(&hand.grid),
            iteration: cut(&hand.iteration),
            seconds: hand.since.as_secs_f64(),
            attempt: hand.lease.attempt.0,
            retries: hand.retries,
        }
    }
}

/// Recent warnings, oldest first.
#[derive(Debug, Serialize)]
pub(super) struct Events {
    events: Vec<EventView>,
}

#[derive(Debug, Serialize)]
struct EventView {
    unix_ms: u64,
    level: String,
    sweep: String,
    worker: String,
    text: String,
}

impl Events {
    pub(super) fn new(events: &[LogEvent]) -> Self {
        let newest = &events[events.len().saturating_sub(MOST)..];
        Self { events: newest.iter().map(EventView::new).collect() }
    }
}

impl EventView {
    fn new(event: &LogEvent) -> Self {
        Self {
            unix_ms: unix_ms(event.at),
            level: cut(&event.level),
            sweep: event.sweep.clone(),
            worker: cut(&event.worker),
            text: cut(&event.text),
        }
    }
}

fn unix_ms(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
