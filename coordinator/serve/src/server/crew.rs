//! The connected workers.

use patchsweep_core::ids::{Lease, WorkerId};
use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, MemoryUse};
use patchsweep_core::status::BASELINES;
use patchsweep_core::tile::TileWork;
use patchsweep_core::workers::{InHand, WorkerStatus};
use patchsweep_proto::v1::{self, coordinator_message};
use patchsweep_schedule::Event;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::actor::Actor;
use super::handle::{Registration, Seat, Vitals};
use super::models;
use super::rpc_errors::RequestError;

/// Messages that may wait for a worker besides its grants and their answers.
const OUTBOX_SPARE: usize = 16;

/// Most leases that one worker may hold.
const MOST_CREDIT: u32 = 64;

/// A worker with an open session.
pub(super) struct ConnectedWorker {
    pub(super) name: String,
    pub(super) device: String,
    version: String,
    /// As of its last result.
    pub(super) cache: CacheStats,
    latest: Latest,
    /// What it has in memory, as it last said.
    pub(super) loaded: Vec<LoadedModel>,
    outbox: mpsc::Sender<Result<v1::CoordinatorMessage, Status>>,
    /// Tells the session's listener, when dropped, that nobody listens to this worker any more.
    _seated: oneshot::Sender<()>,
}

/// What a worker last said of itself.
#[derive(Debug, Default)]
struct Latest {
    /// The tile in hand included.
    cache: CacheStats,
    memory: MemoryUse,
    in_hand: Option<Lease>,
    memory_retries: u64,
}

impl Actor {
    pub(super) fn join(&mut self, registration: Registration) -> Seat {
        let Registration { name, device, version, credit, cache, mut held, held_for, loaded } = registration;
        self.last_worker += 1;
        let worker = WorkerId(self.last_worker);
        let credit = credit.clamp(1, MOST_CREDIT);
        if held_for != Some(self.coordinator) {
            held.clear();
        }
        // A grant, its revocation and its acknowledgement for each lease.
        let (outbox, outgoing) = mpsc::channel(3 * credit as usize + OUTBOX_SPARE);
        let (seated, dismissed) = oneshot::channel();
        tracing::info!(worker = name, worker_id = %worker, device, version, held = held.len(), "worker registered");
        let latest = Latest { cache, ..Latest::default() };
        let models = loaded.iter().map(models::key).collect();
        let connected = ConnectedWorker { name, device, version, cache, latest, loaded, outbox, _seated: seated };
        self.workers.insert(worker, connected);
        let welcome = v1::Welcome {
            worker_id: worker.0,
            epoch: self.epoch.0,
            heartbeat_interval_ms: u32::try_from(super::HEARTBEAT.as_millis()).unwrap_or(u32::MAX),
            coordinator_id: self.coordinator.0.to_vec(),
        };
        self.send(worker, coordinator_message::Message::Welcome(welcome));
        self.apply(Event::Joined { worker, credit, held, loaded: models });
        Seat { worker, epoch: self.epoch, outgoing, dismissed }
    }

    /// A worker's stream ended.
    pub(super) fn lose(&mut self, worker: WorkerId) {
        if let Some(gone) = self.workers.get(&worker) {
            tracing::info!(worker = gone.name, worker_id = %worker, "worker disconnected");
        }
        // What it failed with its loss is told under its name.
        self.apply(Event::Lost { worker });
        self.forget_worker(worker);
    }

    /// Ends its session and the spans of its leases.
    pub(super) fn forget_worker(&mut self, worker: WorkerId) {
        self.workers.remove(&worker);
        for running in self.sweeps.values_mut().filter_map(|record| record.running.as_mut()) {
            running.span.end_all_of(worker);
        }
    }

    /// Asks a worker to leave in order.
    pub(super) fn drain(&mut self, worker: WorkerId) -> Result<(), RequestError> {
        if !self.workers.contains_key(&worker) {
            return Err(RequestError::UnknownWorker(worker));
        }
        tracing::info!(worker = self.worker_name(worker), worker_id = %worker, "draining worker");
        let reason = "drained by a client".to_owned();
        if let Some(worker) = self.send(worker, coordinator_message::Message::Drain(v1::Drain { reason })) {
            self.lose(worker);
            return Ok(());
        }
        self.apply(Event::Draining { worker });
        Ok(())
    }

    pub(super) fn worker_statuses(&self) -> Vec<WorkerStatus> {
        let now = self.began.elapsed();
        let status = |view: patchsweep_schedule::WorkerView| {
            let connected = self.workers.get(&view.worker)?;
            let hand = self.in_hand(&view, connected);
            Some(WorkerStatus {
                worker: view.worker,
                name: connected.name.clone(),
                device: connected.device.clone(),
                state: view.state,
                leases: view.leases.into_iter().map(|held| held.lease).collect(),
                tiles_done: view.tiles_done,
                multiply_adds_per_second: view.rate,
                silent: now.saturating_sub(view.last_heard),
                version: connected.version.clone(),
                cache: connected.latest.cache,
                memory: connected.latest.memory,
                hand,
                loaded: connected.loaded.clone(),
            })
        };
        self.scheduler.workers().into_iter().filter_map(status).collect()
    }

    /// The tile that a worker computes: the first of those that it holds, unless that was taken away.
    fn in_hand(&self, view: &patchsweep_schedule::WorkerView, connected: &ConnectedWorker) -> Option<InHand> {
        let lease = view.leases.first().filter(|held| !held.revoked).map(|held| &held.lease)?;
        let plan = &self.sweeps.get(&lease.sweep)?.running.as_ref()?.plan;
        let tile = plan.tiles.get(lease.tile.0 as usize)?;
        let grid = match &tile.work {
            TileWork::Baseline => BASELINES,
            TileWork::Patch { grid, .. } => &plan.context.grids.get(*grid as usize)?.name,
        };
        let is_told = connected.latest.in_hand.as_ref() == Some(lease);
        Some(InHand {
            lease: lease.clone(),
            grid: grid.to_owned(),
            iteration: plan.label_of(tile.iteration).unwrap_or_default().to_owned(),
            since: self.began.elapsed().saturating_sub(view.head_since),
            retries: if is_told { connected.latest.memory_retries } else { 0 },
        })
    }

    pub(super) fn note_vitals(&mut self, worker: WorkerId, vitals: Vitals) {
        let Some(connected) = self.workers.get_mut(&worker) else { return };
        let Vitals { cache, memory, in_hand, memory_retries, loaded } = vitals;
        if cache.is_none() && memory.is_none() {
            return;
        }
        let before = &connected.latest;
        connected.latest = Latest {
            cache: cache.unwrap_or(before.cache),
            memory: memory.unwrap_or(before.memory),
            in_hand,
            memory_retries,
        };
        if let Some(loaded) = loaded {
            self.note_loaded(worker, loaded);
        }
    }

    /// For people; empty if it is not connected any more.
    pub(super) fn worker_name(&self, worker: WorkerId) -> String {
        self.workers.get(&worker).map(|connected| connected.name.clone()).unwrap_or_default()
    }

    /// Names the worker if it is connected but its messages have piled up.
    pub(super) fn send(&mut self, worker: WorkerId, message: coordinator_message::Message) -> Option<WorkerId> {
        let connected = self.workers.get(&worker)?;
        let sent = connected.outbox.try_send(Ok(v1::CoordinatorMessage { message: Some(message) }));
        sent.is_err().then_some(worker)
    }

    /// What a worker's cache did since its last result.
    pub(super) fn cache_since(&mut self, worker: WorkerId, now: CacheStats) -> CacheStats {
        let Some(connected) = self.workers.get_mut(&worker) else { return now };
        let before = std::mem::replace(&mut connected.cache, now);
        connected.latest.cache = now;
        CacheStats {
            hits: now.hits.saturating_sub(before.hits),
            misses: now.misses.saturating_sub(before.misses),
            evictions: now.evictions.saturating_sub(before.evictions),
            ..now
        }
    }
}
