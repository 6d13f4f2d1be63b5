//! What the owning task keeps of a sweep.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Epoch, Lease, SweepId, TileId};
use patchsweep_core::length;
use patchsweep_core::status::{Priority, SweepState, SweepStatus};
use patchsweep_core::trace::TraceContext;
use patchsweep_plan::Plan;
use patchsweep_schedule::Progress;
use prost::bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::choices::NotChosen;
use super::handle::RunId;
use super::spans::SweepSpan;
use crate::merge::compare::Tolerances;
use crate::progress::{Tally, Throughput};
use crate::state::Arrival;

/// What the owning task keeps of a sweep: little, once it has ended.
#[derive(Debug)]
pub(super) struct SweepRecord {
    /// Of plans that are the same sweep.
    pub(super) identity: Digest,
    pub(super) marks: Marks,
    /// As clients see it.
    pub(super) status: watch::Sender<SweepStatus>,
    /// `None` once it has ended.
    pub(super) running: Option<Running>,
    /// Its last run.
    pub(super) run: RunId,
    /// When it ended; `None` while it runs.
    pub(super) ended: Option<SystemTime>,
    /// Results that came too late or twice, in this life of the coordinator.
    pub(super) dropped: u64,
    /// How far two computations of a tile may be apart; `None` for a sweep that ended in an earlier life, whose results
    /// are not compared any more.
    pub(super) tolerances: Option<Tolerances>,
    /// Of its span, in this life of the coordinator.
    pub(super) trace: Option<TraceContext>,
}

/// What tells a sweep from others of its name or its plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// The coordinator's life since which the name is its own.
    pub(super) since: Epoch,
    /// A stamp of the model's files when it was submitted; `None` of a check.
    pub(super) files: Option<Digest>,
    /// Digest of the model that the first kept scores are of.
    pub(super) model: Option<Digest>,
}

impl Marks {
    pub(super) fn new(Arrival { epoch, files }: Arrival, model: Option<Digest>) -> Self {
        Self { since: epoch, files, model }
    }
}

/// What is needed while a sweep runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) plan: Arc<Plan>,
    /// The plan's context as workers get it.
    pub(super) context: Bytes,
    pub(super) clock: Clock,
    pub(super) span: SweepSpan,
    /// Why attempts failed.
    pub(super) reasons: Reasons,
    /// Whether its next tiles are being chosen.
    pub(super) choosing: Option<Choosing>,
    submitted: SystemTime,
    tally: Tally,
    /// Tiles whose scores are kept, of a plan that is still to be extended.
    done: Vec<TileId>,
    throughput: Throughput,
}

/// How it is with a choice of the cells that are computed next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choosing {
    /// It is being made.
    UnderWay,
    /// It was not made.
    Failed(NotChosen),
}

impl Choosing {
    /// Why nothing is computed, for people who ask.
    pub(super) fn explained(&self) -> String {
        match self {
            Self::UnderWay => "which cells are computed next is being chosen by what its first tiles found".to_owned(),
            Self::Failed(not_chosen) => not_chosen.explained(),
        }
    }
}

/// Reasons of a sweep's failures that were reported: a worker that cannot load the model fails at every tile for the same reason.
#[derive(Debug, Default)]
pub(super) struct Reasons(BTreeSet<(String, String)>);

impl Reasons {
    /// Most that are remembered.
    const MOST: usize = 256;

    /// Whether this worker did not fail so before.
    pub(super) fn are_news(&mut self, worker: &str, reason: &str) -> bool {
        if self.0.len() == Self::MOST {
            self.0.clear();
        }
        self.0.insert((worker.to_owned(), reason.to_owned()))
    }
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
    /// Nothing of it is done yet.
    pub(super) fn new(plan: Arc<Plan>, context: Bytes, submitted: SystemTime, clock: Clock, span: SweepSpan) -> Self {
        let tally = Tally::new(&plan);
        Self {
            plan,
            context,
            clock,
            span,
            reasons: Reasons::default(),
            choosing: None,
            submitted,
            tally,
            done: Vec::new(),
            throughput: Throughput::default(),
        }
    }

    /// A tile's scores were kept by an earlier life of the coordinator, or before the sweep was resumed.
    pub(super) fn recall(&mut self, tile: TileId) {
        if self.plan.awaits_choice() {
            self.done.push(tile);
        }
        self.tally.finish(&self.plan, tile);
    }

    /// A tile's scores are kept from now on.
    pub(super) fn finish(&mut self, tile: TileId) {
        if self.plan.awaits_choice() {
            self.done.push(tile);
        }
        self.tally.finish(&self.plan, tile);
        let cost = self.plan.costs.get(tile.0 as usize).copied().unwrap_or(0);
        self.throughput.finished(self.clock.elapsed(), cost);
    }

    /// The plan has more tiles from now on; all others are done, or given up.
    fn extend(&mut self, plan: &Arc<Plan>) {
        let mut tally = Tally::new(plan);
        for tile in self.done.iter().copied() {
            tally.finish(plan, tile);
        }
        (self.plan, self.tally, self.choosing) = (Arc::clone(plan), tally, None);
    }

    /// Whether somebody computes the sweep now.
    pub(super) fn works(&mut self, is_working: bool) {
        self.throughput.working(self.clock.elapsed(), is_working);
    }
}

impl SweepRecord {
    /// A sweep that runs from now on.
    pub(super) fn running(id: SweepId, run: RunId, priority: Priority, marks: Marks, running: Running) -> Self {
        let plan = &running.plan;
        let (cells_total, cells_noop) = running.tally.cells();
        let status = SweepStatus {
            sweep: id,
            name: plan.name.clone(),
            state: SweepState::Running,
            tiles_total: length(plan.tiles.len()),
            tiles_done: 0,
            tiles_leased: 0,
            multiply_adds_total: plan.multiply_adds(),
            multiply_adds_done: 0,
            workers: 0,
            cells_total,
            cells_noop,
            tiles_failed: 0,
            priority,
            results_dropped: 0,
            check_of: plan.check.as_ref().map(|check| check.sweep.clone()),
            waiting: None,
            grids: running.tally.grids().to_vec(),
            submitted: running.submitted,
            elapsed: Duration::from_secs(running.clock.elapsed().as_secs()),
            multiply_adds_per_second: None,
        };
        let (identity, tolerances) = (plan.identity(), Some(Tolerances::of(&plan.context)));
        let trace = Some(running.span.trace);
        let status = watch::channel(status).0;
        Self { identity, marks, status, running: Some(running), run, ended: None, dropped: 0, tolerances, trace }
    }

    /// Its plan has more tiles from now on; false where it is not running any more, or has them already.
    pub(super) fn extend(&mut self, plan: &Arc<Plan>) -> bool {
        let Some(running) = self.running.as_mut().filter(|running| running.plan.awaits_choice()) else {
            return false;
        };
        running.extend(plan);
        let (cells_total, cells_noop) = running.tally.cells();
        self.status.send_modify(|status| {
            status.tiles_total = length(plan.tiles.len());
            status.multiply_adds_total = plan.multiply_adds();
            (status.cells_total, status.cells_noop) = (cells_total, cells_noop);
        });
        true
    }

    /// A sweep that ended in an earlier life of the coordinator.
    pub(super) fn ended(
        identity: Digest,
        marks: Marks,
        run: RunId,
        status: SweepStatus,
        ended: Option<SystemTime>,
    ) -> Self {
        let status = watch::channel(status).0;
        Self { identity, marks, status, running: None, run, ended, dropped: 0, tolerances: None, trace: None }
    }

    /// Scores of this model are kept. With the first ones comes what was not known when the sweep was planned, perhaps
    /// where no weights are.
    pub(super) fn pin(&mut self, model: Digest, notes: &[String]) {
        if self.marks.model.is_none() {
            self.marks.model = Some(model);
            let Some(Running { plan, .. }) = &self.running else { return };
            for note in notes.iter().filter(|note| !plan.warnings.contains(note)) {
                tracing::warn!(model = %plan.context.model, "{note}");
            }
        }
    }

    /// Whether a lease of its name can be its own: one of an earlier life is of another sweep, which had that name.
    pub(super) fn may_own(&self, lease: &Lease) -> bool {
        self.marks.since <= lease.epoch
    }

    /// It has ended, and clients have heard of it.
    pub(super) fn has_ended(&self) -> bool {
        self.running.is_none() && self.status.borrow().state.is_final()
    }

    /// Why its next cells were not chosen, if so.
    pub(super) fn not_chosen(&self) -> Option<String> {
        match self.running.as_ref()?.choosing.as_ref()? {
            Choosing::Failed(not_chosen) => Some(not_chosen.waiting()),
            Choosing::UnderWay => None,
        }
    }

    /// The status as the scheduler counts now.
    pub(super) fn status_now(&self, progress: Progress, workers: usize, waiting: Option<String>) -> SweepStatus {
        let shown = self.status.borrow().clone();
        let running = self.running.as_ref();
        SweepStatus {
            grids: running.map_or_else(Vec::new, |running| running.tally.grids().to_vec()),
            elapsed: running.map_or(shown.elapsed, |running| Duration::from_secs(running.clock.elapsed().as_secs())),
            multiply_adds_per_second: running.and_then(|running| running.throughput.rate(running.clock.elapsed())),
            tiles_done: progress.done,
            tiles_leased: progress.leased,
            tiles_failed: progress.failed,
            multiply_adds_done: progress.cost_done,
            workers: length(workers),
            results_dropped: self.dropped,
            waiting,
            ..shown
        }
    }

    /// Shows clients a status, if it is another one than they know. The rate is another one all the time, and alone it is
    /// no reason.
    pub(super) fn publish(&self, status: SweepStatus) {
        self.status.send_if_modified(|shown| {
            let rate = std::mem::replace(&mut shown.multiply_adds_per_second, status.multiply_adds_per_second);
            let is_news = *shown != status;
            if is_news {
                *shown = status;
            } else {
                shown.multiply_adds_per_second = rate;
            }
            is_news
        });
    }
}
