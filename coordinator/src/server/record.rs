//! What the coordinator keeps of a sweep.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use patchsweep_proto::digest::Digest;
use patchsweep_proto::ids::{SweepId, TileId, WorkerId};
use patchsweep_proto::results::SweepResults;
use patchsweep_proto::scores::{CacheStats, WorkDone};
use patchsweep_proto::status::{Priority, SweepState, SweepStatus};
use patchsweep_proto::wire::encode_results;
use tokio::sync::watch;

use super::handle::Computed;
use super::manifest;
use crate::merge::ScoreStore;
use crate::plan::{GridSummary, Plan};
use crate::scheduler::{Outcome, Progress};

/// One worker's part in a sweep.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    pub(super) name: String,
    pub(super) device: String,
    /// Tiles whose scores were kept.
    pub(super) tiles: u64,
    pub(super) busy_seconds: f64,
    /// For all its results, those that were dropped too.
    pub(super) work: WorkDone,
    pub(super) cache: CacheStats,
}

/// What the coordinator keeps of a sweep.
#[derive(Debug)]
pub(super) struct SweepRecord {
    pub(super) id: SweepId,
    pub(super) plan: Arc<Plan>,
    /// One per grid.
    pub(super) summaries: Vec<GridSummary>,
    pub(super) dataset: Digest,
    /// Digest of the model that the first kept scores are of.
    pub(super) model: Option<Digest>,
    pub(super) shares: BTreeMap<WorkerId, Share>,
    /// Multiply-adds behind the kept scores.
    pub(super) executed_multiply_adds: u64,
    pub(super) started: SystemTime,
    pub(super) began: Instant,
    pub(super) status: watch::Sender<SweepStatus>,
    store: ScoreStore,
    results: Option<Arc<Vec<u8>>>,
}

impl SweepRecord {
    pub(super) fn new(id: SweepId, plan: Plan, dataset: Digest) -> Self {
        let summaries = plan.summarize();
        let status = SweepStatus {
            sweep: id.clone(),
            name: plan.name.clone(),
            state: SweepState::Running,
            tiles_total: u32::try_from(plan.tiles.len()).unwrap_or(u32::MAX),
            tiles_done: 0,
            tiles_leased: 0,
            multiply_adds_total: plan.multiply_adds(),
            multiply_adds_done: 0,
            workers: 0,
            cells_total: summaries.iter().map(|grid| grid.cells).sum(),
            cells_noop: summaries.iter().map(|grid| grid.noops).sum(),
            tiles_failed: 0,
            priority: Priority::default(),
            results_dropped: 0,
            waiting: None,
        };
        Self {
            id,
            store: ScoreStore::new(plan.tiles.len()),
            plan: Arc::new(plan),
            summaries,
            dataset,
            model: None,
            shares: BTreeMap::new(),
            executed_multiply_adds: 0,
            started: SystemTime::now(),
            began: Instant::now(),
            status: watch::channel(status).0,
            results: None,
        }
    }

    /// Keeps a tile's scores; the first ones pin the sweep to their model.
    pub(super) fn keep(&mut self, worker: WorkerId, tile: TileId, computed: Computed, work: WorkDone) {
        self.model.get_or_insert(computed.model);
        self.shares.entry(worker).or_default().tiles += 1;
        self.executed_multiply_adds = self.executed_multiply_adds.saturating_add(work.multiply_adds);
        self.store.keep(tile, computed.scores);
    }

    pub(super) fn publish(&self, progress: Progress, workers: usize) {
        self.status.send_if_modified(|status| {
            let updated = SweepStatus {
                tiles_done: progress.done,
                tiles_leased: progress.leased,
                multiply_adds_done: progress.cost_done,
                workers: u32::try_from(workers).unwrap_or(u32::MAX),
                ..status.clone()
            };
            let changed = updated != *status;
            *status = updated;
            changed
        });
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        let state = match outcome {
            Outcome::Done => {
                self.results = Some(Arc::new(encode_results(&self.merge())));
                SweepState::Done
            }
            Outcome::Partial { reason } => SweepState::Partial { reason },
            Outcome::Failed { reason } => SweepState::Failed { reason },
            Outcome::Cancelled => SweepState::Cancelled,
        };
        // The results are encoded by now; the scores behind them are not needed any more.
        self.store = ScoreStore::new(0);
        self.status.send_modify(|status| status.state = state);
    }

    /// The encoded results of a sweep that is done.
    pub(super) fn results(&self) -> Option<Arc<Vec<u8>>> {
        self.results.clone()
    }

    fn merge(&self) -> SweepResults {
        let merged = self.store.merge(&self.plan);
        let plan = &self.plan;
        SweepResults {
            name: plan.name.clone(),
            iteration_labels: plan.iteration_labels.clone(),
            token_labels: plan.token_labels.clone(),
            metrics: plan.context.metrics.iter().map(|metric| metric.name.clone()).collect(),
            clean: merged.clean,
            corrupted: merged.corrupted,
            grids: merged.grids,
            manifest: manifest::of(self).to_string(),
        }
    }
}
