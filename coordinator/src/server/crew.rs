//! The connected workers.

use patchsweep_proto::ids::WorkerId;
use patchsweep_proto::scores::CacheStats;
use patchsweep_proto::v1::{self, coordinator_message};
use patchsweep_proto::workers::WorkerStatus;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::actor::Actor;
use super::handle::{Registration, Seat};
use super::status::RequestError;
use crate::scheduler::Event;

/// Messages that may wait for a worker besides its grants and their answers.
const OUTBOX_SPARE: usize = 16;

/// Most leases that one worker may hold.
const MOST_CREDIT: u32 = 64;

/// A worker with an open session.
pub(super) struct ConnectedWorker {
    pub(super) name: String,
    pub(super) device: String,
    /// As of its last result.
    pub(super) cache: CacheStats,
    outbox: mpsc::Sender<Result<v1::CoordinatorMessage, Status>>,
    /// Tells the session's listener, when dropped, that nobody listens to this worker any more.
    _seated: oneshot::Sender<()>,
}

impl Actor {
    pub(super) fn join(&mut self, registration: Registration) -> Seat {
        let Registration { name, device, credit, cache, mut held, held_for } = registration;
        self.last_worker += 1;
        let worker = WorkerId(self.last_worker);
        let credit = credit.clamp(1, MOST_CREDIT);
        if held_for != Some(self.coordinator) {
            held.clear();
        }
        // A grant, its revocation and its acknowledgement for each lease.
        let (outbox, outgoing) = mpsc::channel(3 * credit as usize + OUTBOX_SPARE);
        let (seated, dismissed) = oneshot::channel();
        tracing::info!(%worker, name, device, held = held.len(), "worker registered");
        self.workers.insert(worker, ConnectedWorker { name, device, cache, outbox, _seated: seated });
        let welcome = v1::Welcome {
            worker_id: worker.0,
            epoch: self.epoch.0,
            heartbeat_interval_ms: u32::try_from(super::HEARTBEAT.as_millis()).unwrap_or(u32::MAX),
            coordinator_id: self.coordinator.0.to_vec(),
        };
        self.send(worker, coordinator_message::Message::Welcome(welcome));
        self.apply(Event::Joined { worker, credit, held });
        Seat { worker, epoch: self.epoch, outgoing, dismissed }
    }

    /// A worker's stream ended.
    pub(super) fn lose(&mut self, worker: WorkerId) {
        if let Some(gone) = self.workers.get(&worker) {
            tracing::info!(%worker, name = gone.name, "worker disconnected");
        }
        // What it failed with its loss is told under its name.
        self.apply(Event::Lost { worker });
        self.workers.remove(&worker);
    }

    /// Asks a worker to leave in order.
    pub(super) fn drain(&mut self, worker: WorkerId) -> Result<(), RequestError> {
        if !self.workers.contains_key(&worker) {
            return Err(RequestError::UnknownWorker(worker));
        }
        tracing::info!(%worker, name = self.worker_name(worker), "draining worker");
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
        let status = |view: crate::scheduler::WorkerView| {
            let connected = self.workers.get(&view.worker)?;
            Some(WorkerStatus {
                worker: view.worker,
                name: connected.name.clone(),
                device: connected.device.clone(),
                state: view.state,
                leases: view.leases.into_iter().map(|held| held.lease).collect(),
                tiles_done: view.tiles_done,
                multiply_adds_per_second: view.rate,
                silent: now.saturating_sub(view.last_heard),
                version: String::new(),
                cache: connected.cache,
                memory: patchsweep_proto::scores::MemoryUse::default(),
                hand: None,
            })
        };
        self.scheduler.workers().into_iter().filter_map(status).collect()
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
        CacheStats {
            hits: now.hits.saturating_sub(before.hits),
            misses: now.misses.saturating_sub(before.misses),
            evictions: now.evictions.saturating_sub(before.evictions),
            ..now
        }
    }
}
