//! What is known of a sweep's run besides its plan. All of it can be had from kept results, so that a coordinator which
//! was started again tells the same.

use std::collections::BTreeMap;

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Attempt, SweepId, TileId};
use patchsweep_core::scores::{CacheStats, WorkDone};

/// Most tiles whose failure is described; all are counted.
pub const MOST_FAILURES: usize = 1000;

/// Most characters of a reason.
const MOST_REASON_CHARS: usize = 1000;

/// What is known of a sweep's run besides its plan.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// Its name in commands.
    pub sweep: SweepId,
    /// Of the dataset file.
    pub dataset: Digest,
    /// Of the model that the scores are of; `None`: there are none.
    pub model: Option<Digest>,
    /// What readers of the scores should know of that model's weights.
    pub notes: Vec<String>,
    /// When it was submitted.
    pub submitted_unix_seconds: u64,
    /// From submission, or the last resumption, to the end.
    pub seconds: f64,
    /// Results that came too late or twice and were dropped, since the coordinator's start.
    pub results_dropped: u64,
    /// Tiles that were computed more than once, since the coordinator's start.
    pub tiles_recomputed: u64,
    /// Given where the sweep was not at its end.
    pub so_far: Option<SoFar>,
    /// By name and device.
    pub(super) workers: BTreeMap<(String, String), WorkerShare>,
    pub(super) failures: Vec<TileFailure>,
    /// Tiles that were given up, with those that are not described.
    pub(super) tiles_failed: u64,
}

/// Where a sweep stood that was not at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoFar {
    /// `running`, `cancelled`, `failed`.
    pub state: &'static str,
    /// Tiles of which nothing had become.
    pub tiles_pending: u64,
}

/// A worker's part in a sweep: tiles whose scores were kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorkerShare {
    /// How many.
    pub tiles: u64,
    /// Time spent on them.
    pub busy_seconds: f64,
    /// What they took.
    pub work: WorkDone,
    /// What the worker's cache did for them; `bytes` and `budget_bytes` at their largest.
    pub cache: CacheStats,
}

/// The kept scores of one tile: whose they are, and what they took.
#[derive(Clone, Copy, Debug)]
pub struct TileFacts<'a> {
    /// Host and process id.
    pub worker: &'a str,
    /// `cpu`, `cuda:0`.
    pub device: &'a str,
    /// Digest of its model.
    pub model: Digest,
    /// What readers of the scores should know of that model's weights.
    pub notes: &'a [String],
    /// Time spent on the tile.
    pub busy_seconds: f64,
    /// What it took.
    pub work: WorkDone,
    /// What the cache did for this tile; `bytes` and `budget_bytes` as of its end.
    pub cache: CacheStats,
}

/// A tile that failed on every attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TileFailure {
    pub(super) tile: TileId,
    pub(super) attempts: Vec<FailedAttempt>,
}

/// One attempt at a tile that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The attempt.
    pub attempt: Attempt,
    /// Host and process id.
    pub worker: String,
    /// One line for people.
    pub reason: String,
}

impl RunFacts {
    /// Of a sweep of which nothing is known yet.
    #[must_use]
    pub fn new(sweep: SweepId, dataset: Digest) -> Self {
        Self {
            sweep,
            dataset,
            model: None,
            notes: Vec::new(),
            submitted_unix_seconds: 0,
            seconds: 0.0,
            results_dropped: 0,
            tiles_recomputed: 0,
            so_far: None,
            workers: BTreeMap::new(),
            failures: Vec::new(),
            tiles_failed: 0,
        }
    }

    /// Adds the kept scores of a tile.
    pub fn add_tile(&mut self, tile: &TileFacts<'_>) {
        if self.model.is_none() {
            self.model = Some(tile.model);
            self.notes = tile.notes.to_vec();
        }
        let share = WorkerShare { tiles: 1, busy_seconds: tile.busy_seconds, work: tile.work, cache: tile.cache };
        self.add_share(tile.worker, tile.device, &share);
    }

    /// Adds several tiles of one worker at once.
    pub fn add_share(&mut self, worker: &str, device: &str, more: &WorkerShare) {
        let share = self.workers.entry((worker.to_owned(), device.to_owned())).or_default();
        let (work, cache) = (share.work, share.cache);
        *share = WorkerShare {
            tiles: share.tiles.saturating_add(more.tiles),
            busy_seconds: share.busy_seconds + more.busy_seconds,
            work: work.and(more.work),
            cache: CacheStats {
                hits: cache.hits.saturating_add(more.cache.hits),
                misses: cache.misses.saturating_add(more.cache.misses),
                evictions: cache.evictions.saturating_add(more.cache.evictions),
                bytes: cache.bytes.max(more.cache.bytes),
                budget_bytes: cache.budget_bytes.max(more.cache.budget_bytes),
            },
        };
    }

    /// Adds a tile that was given up. `attempts`: in order; the last one's reason is the tile's.
    pub fn add_failure(&mut self, tile: TileId, attempts: impl IntoIterator<Item = FailedAttempt>) {
        self.tiles_failed += 1;
        if self.failures.len() == MOST_FAILURES {
            return;
        }
        let bounded = |attempt: FailedAttempt| FailedAttempt {
            reason: attempt.reason.chars().take(MOST_REASON_CHARS).collect(),
            ..attempt
        };
        self.failures.push(TileFailure { tile, attempts: attempts.into_iter().map(bounded).collect() });
    }
}
