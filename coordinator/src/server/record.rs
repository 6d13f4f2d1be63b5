//! What the owning task keeps of a sweep.

use std::sync::Arc;
use std::time::Duration;

use patchsweep_proto::digest::Digest;
use patchsweep_proto::ids::SweepId;
use patchsweep_proto::status::{Priority, SweepState, SweepStatus};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::merge::compare;
use crate::plan::Plan;
use crate::scheduler::Progress;

/// What the owning task keeps of a sweep: little, once it has ended.
#[derive(Debug)]
pub(super) struct SweepRecord {
    /// Of plans that are the same sweep.
    pub(super) identity: Digest,
    /// As clients see it.
    pub(super) status: watch::Sender<SweepStatus>,
    /// `None` once it has ended.
    pub(super) running: Option<Running>,
    /// Results that came too late or twice, in this life of the coordinator.
    pub(super) dropped: u64,
    /// How far two computations of a tile may be apart; `None` for a sweep that ended in an earlier life, whose results
    /// are not compared any more.
    pub(super) tolerance: Option<f64>,
}

/// What is needed while a sweep runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) plan: Arc<Plan>,
    /// Digest of the model that the first kept scores are of.
    pub(super) model: Option<Digest>,
    pub(super) clock: Clock,
}

/// How long a sweep has been running, over the coordinator's restarts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    since: Instant,
    /// Before `since`.
    earlier: Duration,
}

impl Clock {
    pub(super) fn after(earlier: Duration) -> Self {
        Self { since: Instant::now(), earlier }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.earlier + self.since.elapsed()
    }
}

impl Running {
    pub(super) fn new(plan: Arc<Plan>, model: Option<Digest>, clock: Clock) -> Self {
        Self { plan, model, clock }
    }
}

impl SweepRecord {
    /// A sweep that runs from now on.
    pub(super) fn running(id: SweepId, priority: Priority, running: Running) -> Self {
        let plan = &running.plan;
        let summaries = plan.summarize();
        let status = SweepStatus {
            sweep: id,
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
            priority,
            results_dropped: 0,
            waiting: None,
            grids: Vec::new(),
            submitted: std::time::SystemTime::UNIX_EPOCH,
            elapsed: Duration::ZERO,
            multiply_adds_per_second: None,
        };
        let (identity, tolerance) = (plan.identity(), Some(compare::tolerance(&plan.context)));
        Self { identity, status: watch::channel(status).0, running: Some(running), dropped: 0, tolerance }
    }

    /// A sweep that ended in an earlier life of the coordinator.
    pub(super) fn ended(identity: Digest, status: SweepStatus) -> Self {
        Self { identity, status: watch::channel(status).0, running: None, dropped: 0, tolerance: None }
    }

    /// The status as the scheduler counts now.
    pub(super) fn status_now(&self, progress: Progress, workers: usize, waiting: Option<String>) -> SweepStatus {
        SweepStatus {
            tiles_done: progress.done,
            tiles_leased: progress.leased,
            tiles_failed: progress.failed,
            multiply_adds_done: progress.cost_done,
            workers: u32::try_from(workers).unwrap_or(u32::MAX),
            results_dropped: self.dropped,
            waiting,
            ..self.status.borrow().clone()
        }
    }

    /// Shows clients a status, if it is another one than they know.
    pub(super) fn publish(&self, status: SweepStatus) {
        self.status.send_if_modified(|shown| {
            let changed = *shown != status;
            *shown = status;
            changed
        });
    }
}
