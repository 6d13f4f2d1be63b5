//! The task that owns all state: it feeds the scheduler and carries out what it says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use patchsweep_proto::digest::Digest;
use patchsweep_proto::ids::{Epoch, Lease, SweepId, WorkerId};
use patchsweep_proto::scores::{CacheStats, WorkDone};
use patchsweep_proto::status::{Priority, SweepState, SweepStatus};
use patchsweep_proto::v1::{self, coordinator_message};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tonic::Status;

use super::handle::{Command, Computed, Handle, Registration, Report, Seat};
use super::record::SweepRecord;
use super::status::RequestError;
use crate::merge::check_scores;
use crate::plan::Plan;
use crate::scheduler::{Effect, Event, Scheduler, TileInfo};

/// Commands that may wait; whoever sends more waits with them.
const COMMANDS: usize = 1024;

/// Messages that may wait for a worker besides its grants and their answers.
const OUTBOX_SPARE: usize = 16;

/// Most leases that one worker may hold.
const MOST_CREDIT: u32 = 64;

const TICK: Duration = Duration::from_secs(1);

/// The first life. Lives are counted once state outlives them.
const EPOCH: Epoch = Epoch(1);

/// Starts the task; it ends when the last handle is gone.
pub(super) fn start() -> Handle {
    let (commands, incoming) = mpsc::channel(COMMANDS);
    let actor = Actor {
        scheduler: Scheduler::new(EPOCH),
        began: Instant::now(),
        sweeps: BTreeMap::new(),
        order: Vec::new(),
        workers: BTreeMap::new(),
        last_worker: 0,
    };
    tokio::spawn(actor.run(incoming));
    Handle::new(commands)
}

pub(super) struct Actor {
    pub(super) scheduler: Scheduler,
    pub(super) began: Instant,
    pub(super) sweeps: BTreeMap<SweepId, SweepRecord>,
    /// Oldest first.
    order: Vec<SweepId>,
    pub(super) workers: BTreeMap<WorkerId, ConnectedWorker>,
    last_worker: u64,
}

pub(super) struct ConnectedWorker {
    registration: Registration,
    pub(super) outbox: mpsc::Sender<Result<v1::CoordinatorMessage, Status>>,
    /// As of its last result.
    cache: CacheStats,
}

/// Why a result cannot be merged with its sweep's.
enum Mismatch {
    /// This tile on this worker.
    Failed(String),
    /// The worker's model is another one.
    Model(String),
}

impl Actor {
    async fn run(mut self, mut incoming: mpsc::Receiver<Command>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                // After a stall, heartbeats that wait are heard before anybody is taken for dead.
                biased;
                command = incoming.recv() => match command {
                    Some(command) => self.take(command),
                    None => return,
                },
                _ = tick.tick() => self.apply(Event::Tick),
            }
        }
    }

    fn take(&mut self, command: Command) {
        // A client that has gone does not need its answer.
        match command {
            Command::Submit { plan, dataset, always_new, reply } => {
                drop(reply.send(Ok(self.submit(*plan, dataset, always_new))));
            }
            Command::Watch { sweep, reply } => {
                drop(reply.send(self.record(&sweep).map(|record| record.status.subscribe())));
            }
            Command::List { reply } => {
                let statuses = self.order.iter().filter_map(|id| self.sweeps.get(id));
                drop(reply.send(Ok(statuses.map(|record| record.status.borrow().clone()).collect())));
            }
            Command::Cancel { sweep, reply } => drop(reply.send(self.cancel(&sweep))),
            Command::Results { sweep, reply } => {
                drop(reply.send(self.record(&sweep).and_then(|record| {
                    let state = record.status.borrow().state.name();
                    record.results().ok_or(RequestError::NoResults { sweep: sweep.clone(), state })
                })));
            }
            Command::Context { digest, reply } => {
                let running = self.sweeps.values().filter(|record| !record.status.borrow().state.is_final());
                let plan = running.map(|record| &record.plan).find(|plan| plan.digest == digest).cloned();
                drop(reply.send(plan.ok_or_else(|| RequestError::UnknownContext(digest.short()))));
            }
            Command::Join { registration, reply } => {
                // Whoever asked has gone: nobody would ever listen to this worker.
                if let Err(Ok(seat)) = reply.send(Ok(self.join(registration))) {
                    self.leave(seat.worker);
                }
            }
            Command::Heard { worker } => self.apply(Event::Heard { worker }),
            Command::Leaving { worker, reason } => {
                tracing::info!(%worker, reason, "worker is leaving");
                self.apply(Event::Leaving { worker, finishing: Vec::new() });
                self.workers.remove(&worker);
            }
            Command::Lost { worker } => {
                tracing::info!(%worker, "worker disconnected");
                self.leave(worker);
            }
            Command::Report { worker, report } => self.report(worker, *report),
            Command::Close { reply } => {
                self.workers.clear();
                drop(reply.send(Ok(())));
            }
        }
    }

    fn leave(&mut self, worker: WorkerId) {
        self.workers.remove(&worker);
        self.apply(Event::Lost { worker });
    }

    fn record(&self, sweep: &SweepId) -> Result<&SweepRecord, RequestError> {
        self.sweeps.get(sweep).ok_or_else(|| RequestError::UnknownSweep(sweep.clone()))
    }

    /// The same plan under the same names is the same sweep, unless that one ended without results.
    fn submit(&mut self, plan: Plan, dataset: Digest, always_new: bool) -> (SweepId, bool) {
        let stem = format!("{}-{}", slug(&plan.name), &plan.digest.to_hex()[..6]);
        let mut id = SweepId(stem.clone());
        let mut number = 1;
        while let Some(record) = self.sweeps.get(&id) {
            let useful = matches!(record.status.borrow().state, SweepState::Running | SweepState::Done);
            if useful && !always_new && record.plan.is_same(&plan) {
                return (id, false);
            }
            number += 1;
            id = SweepId(format!("{stem}-{number}"));
        }
        let info = |(tile, &cost): (&patchsweep_proto::tile::Tile, &u64)| TileInfo { iteration: tile.iteration, cost };
        let tiles = plan.tiles.iter().zip(&plan.costs).map(info).collect();
        let prompts = plan.context.clean.prompts();
        tracing::info!(sweep = %id, tiles = plan.tiles.len(), prompts, multiply_adds = plan.multiply_adds(), "sweep submitted");
        self.sweeps.insert(id.clone(), SweepRecord::new(id.clone(), plan, dataset));
        self.order.push(id.clone());
        let (priority, past) = (Priority::default(), BTreeMap::new());
        self.apply(Event::Submitted { sweep: id.clone(), tiles, priority, past });
        (id, true)
    }

    fn cancel(&mut self, sweep: &SweepId) -> Result<SweepStatus, RequestError> {
        self.record(sweep)?;
        self.apply(Event::Cancelled { sweep: sweep.clone() });
        Ok(self.record(sweep)?.status.borrow().clone())
    }

    fn join(&mut self, registration: Registration) -> Seat {
        self.last_worker += 1;
        let worker = WorkerId(self.last_worker);
        let credit = registration.credit.clamp(1, MOST_CREDIT);
        // A grant, its acknowledgement and its revocation for each lease.
        let (outbox, outgoing) = mpsc::channel(3 * credit as usize + OUTBOX_SPARE);
        let welcome = v1::Welcome {
            worker_id: worker.0,
            epoch: EPOCH.0,
            heartbeat_interval_ms: u32::try_from(super::HEARTBEAT.as_millis()).unwrap_or(u32::MAX),
            coordinator_id: Vec::new(),
        };
        let message = coordinator_message::Message::Welcome(welcome);
        let _ = outbox.try_send(Ok(v1::CoordinatorMessage { message: Some(message) }));
        tracing::info!(%worker, name = registration.name, device = registration.device, "worker registered");
        let cache = registration.cache;
        self.workers.insert(worker, ConnectedWorker { registration, outbox, cache });
        self.apply(Event::Joined { worker, credit, held: Vec::new() });
        Seat { worker, epoch: EPOCH, outgoing }
    }

    fn report(&mut self, worker: WorkerId, report: Report) {
        self.account(worker, &report);
        let Report { lease, outcome, work, busy_seconds, .. } = report;
        let busy = Duration::try_from_secs_f64(busy_seconds).unwrap_or_default();
        let checked = match outcome {
            Ok(computed) => self.check(&lease, &computed).map(|()| computed),
            Err(reason) => Err(Mismatch::Failed(reason)),
        };
        match checked {
            Ok(computed) => self.finish(worker, &lease, computed, work, busy),
            Err(mismatch) => {
                let (Mismatch::Failed(reason) | Mismatch::Model(reason)) = &mismatch;
                tracing::warn!(sweep = %lease.sweep, tile = %lease.tile, attempt = lease.attempt.0, %worker, reason, "tile failed");
                self.apply(match mismatch {
                    Mismatch::Failed(reason) => Event::Failed { worker, lease, reason },
                    Mismatch::Model(reason) => Event::Unfit { worker, lease, reason },
                });
            }
        }
    }

    fn finish(&mut self, worker: WorkerId, lease: &Lease, computed: Computed, work: WorkDone, busy: Duration) {
        let event = Event::Finished { worker, lease: lease.clone(), busy };
        let effects = self.scheduler.apply(self.began.elapsed(), event);
        if effects.contains(&Effect::Keep { lease: lease.clone() })
            && let Some(record) = self.sweeps.get_mut(&lease.sweep)
        {
            tracing::debug!(sweep = %lease.sweep, tile = %lease.tile, attempt = lease.attempt.0, %worker, "tile done");
            record.keep(worker, lease.tile, computed, work);
        }
        self.carry_out(effects);
    }

    /// Scores that cannot be merged are refused. Those of unknown sweeps are the scheduler's to drop.
    fn check(&self, lease: &Lease, computed: &Computed) -> Result<(), Mismatch> {
        let Some(record) = self.sweeps.get(&lease.sweep) else { return Ok(()) };
        check_scores(&record.plan, lease.tile, &computed.scores)
            .map_err(|error| Mismatch::Failed(error.to_string()))?;
        match record.model {
            Some(pinned) if pinned != computed.model => Err(Mismatch::Model(format!(
                "its model has the digest {}, but the sweep's first scores are of {}: put the same weights on all workers",
                computed.model.short(),
                pinned.short()
            ))),
            _ => Ok(()),
        }
    }

    /// Adds a result to its worker's share in the sweep.
    fn account(&mut self, worker: WorkerId, report: &Report) {
        let Some(connected) = self.workers.get_mut(&worker) else { return };
        let before = std::mem::replace(&mut connected.cache, report.cache);
        let Some(record) = self.sweeps.get_mut(&report.lease.sweep) else { return };
        let share = record.shares.entry(worker).or_default();
        share.name.clone_from(&connected.registration.name);
        share.device.clone_from(&connected.registration.device);
        share.busy_seconds += report.busy_seconds;
        share.work.multiply_adds = share.work.multiply_adds.saturating_add(report.work.multiply_adds);
        share.work.memory_retries = share.work.memory_retries.saturating_add(report.work.memory_retries);
        share.cache = CacheStats {
            hits: share.cache.hits.saturating_add(report.cache.hits.saturating_sub(before.hits)),
            misses: share.cache.misses.saturating_add(report.cache.misses.saturating_sub(before.misses)),
            evictions: share.cache.evictions.saturating_add(report.cache.evictions.saturating_sub(before.evictions)),
            ..report.cache
        };
    }

    fn apply(&mut self, event: Event) {
        let silent = matches!(event, Event::Heard { .. } | Event::Tick);
        let effects = self.scheduler.apply(self.began.elapsed(), event);
        if !silent || !effects.is_empty() {
            self.carry_out(effects);
        }
    }
}

/// A name as it can stand in a shell: letters, digits and dashes.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.trim().chars().map(plain).collect()
}
