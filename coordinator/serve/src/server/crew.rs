//! The connected workers: their sessions, and what they last reported of themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use patchsweep_core::ids::{CoordinatorId, Epoch, Lease, WorkerId};
use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, MemoryUse};
use patchsweep_core::workers::{InHand, WorkerStatus};
use patchsweep_proto::v1::{self, coordinator_message};
use patchsweep_schedule::{Event, WorkerView};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::handle::{Registration, Seat, Vitals};
use super::models;

/// Messages that may wait for a worker besides its grants and their answers.
const OUTBOX_SPARE: usize = 16;

/// Most leases that one worker may hold.
const MOST_CREDIT: u32 = 64;

/// All workers with an open session.
pub(super) struct Crew {
    coordinator: CoordinatorId,
    epoch: Epoch,
    workers: BTreeMap<WorkerId, ConnectedWorker>,
    /// The last number that one got.
    last: u64,
}

/// A worker with an open session.
struct ConnectedWorker {
    name: String,
    device: String,
    version: String,
    /// As of its last result.
    cache: CacheStats,
    latest: Latest,
    /// What it has in memory, as it last reported.
    loaded: Vec<LoadedModel>,
    outbox: mpsc::Sender<Result<v1::CoordinatorMessage, Status>>,
    /// Tells the session's listener, when dropped, that nobody listens to this worker any more.
    _seated: oneshot::Sender<()>,
}

/// What a worker last reported of itself.
#[derive(Debug, Default)]
struct Latest {
    /// The tile in hand included.
    cache: CacheStats,
    memory: MemoryUse,
    in_hand: Option<Lease>,
    memory_retries: u64,
}

/// A worker's messages have piled up: it does not take them.
#[derive(Debug)]
pub(super) struct Unreachable(pub(super) WorkerId);

/// What a tile is, for people.
pub(super) struct TileName {
    pub(super) grid: String,
    pub(super) iteration: String,
}

impl Crew {
    /// Nobody yet, in this life of this coordinator.
    pub(super) fn new(coordinator: CoordinatorId, epoch: Epoch) -> Self {
        Self { coordinator, epoch, workers: BTreeMap::new(), last: 0 }
    }

    /// The life of the coordinator that this is.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Takes a worker in and welcomes it; the scheduler has to know.
    pub(super) fn join(&mut self, registration: Registration) -> (Seat, Event) {
        let Registration { name, device, version, credit, cache, mut held, held_for, loaded } = registration;
        self.last += 1;
        let worker = WorkerId(self.last);
        let credit = credit.clamp(1, MOST_CREDIT);
        if held_for != Some(self.coordinator) {
            held.clear();
        }
        // A grant, its revocation and its acknowledgement for each lease, behind the welcome.
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
            heartbeat_interval_ms: u32::try_from(super::HEARTBEAT.as_millis()).expect("some seconds"),
            coordinator_id: self.coordinator.0.to_vec(),
        };
        self.send(worker, coordinator_message::Message::Welcome(welcome)).expect("a new outbox has room");
        let seat = Seat { worker, epoch: self.epoch, outgoing, dismissed };
        (seat, Event::Joined { worker, credit, held, loaded: models })
    }

    /// Ends a worker's session.
    pub(super) fn dismiss(&mut self, worker: WorkerId) {
        self.workers.remove(&worker);
    }

    /// Ends all sessions.
    pub(super) fn dismiss_all(&mut self) {
        self.workers.clear();
    }

    pub(super) fn has(&self, worker: WorkerId) -> bool {
        self.workers.contains_key(&worker)
    }

    /// For people; empty if it is not connected any more.
    pub(super) fn name(&self, worker: WorkerId) -> String {
        self.workers.get(&worker).map(|connected| connected.name.clone()).unwrap_or_default()
    }

    /// What it computes on; empty if it is not connected any more.
    pub(super) fn device(&self, worker: WorkerId) -> String {
        self.workers.get(&worker).map(|connected| connected.device.clone()).unwrap_or_default()
    }

    /// Sessions of the workers of a name.
    pub(super) fn sessions(&self, name: &str) -> BTreeSet<WorkerId> {
        self.workers.iter().filter(|(_, connected)| connected.name == name).map(|(&worker, _)| worker).collect()
    }

    /// Sends a message; a worker that has gone needs none.
    pub(super) fn send(&self, worker: WorkerId, message: coordinator_message::Message) -> Result<(), Unreachable> {
        let Some(connected) = self.workers.get(&worker) else { return Ok(()) };
        let message = v1::CoordinatorMessage { message: Some(message) };
        connected.outbox.try_send(Ok(message)).map_err(|_| Unreachable(worker))
    }

    /// Takes what a heartbeat reports; news of loaded models are for the scheduler.
    pub(super) fn note_vitals(&mut self, worker: WorkerId, vitals: Vitals) -> Option<Event> {
        let connected = self.workers.get_mut(&worker)?;
        let Vitals { cache, memory, in_hand, memory_retries, loaded } = vitals;
        if cache.is_none() && memory.is_none() {
            return None;
        }
        let before = &connected.latest;
        connected.latest = Latest {
            cache: cache.unwrap_or(before.cache),
            memory: memory.unwrap_or(before.memory),
            in_hand,
            memory_retries,
        };
        self.note_loaded(worker, loaded?)
    }

    /// A worker reported what it has in memory; news are for the scheduler.
    pub(super) fn note_loaded(&mut self, worker: WorkerId, loaded: Vec<LoadedModel>) -> Option<Event> {
        let connected = self.workers.get_mut(&worker)?;
        if connected.loaded == loaded {
            return None;
        }
        let models = loaded.iter().map(models::key).collect();
        connected.loaded = loaded;
        Some(Event::Loaded { worker, models })
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

    /// The workers as clients see them, of what the scheduler knows `now`.
    pub(super) fn statuses(
        &self,
        views: Vec<WorkerView>,
        now: Duration,
        name: impl Fn(&Lease) -> Option<TileName>,
    ) -> Vec<WorkerStatus> {
        let status = |view: WorkerView| {
            let connected = self.workers.get(&view.worker)?;
            let hand = connected.in_hand(&view, now, &name);
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
        views.into_iter().filter_map(status).collect()
    }
}

impl ConnectedWorker {
    /// The tile that a worker computes: the first of those that it holds, unless that was taken away.
    fn in_hand(&self, view: &WorkerView, now: Duration, name: impl Fn(&Lease) -> Option<TileName>) -> Option<InHand> {
        let lease = view.leases.first().filter(|held| !held.revoked).map(|held| &held.lease)?;
        let TileName { grid, iteration } = name(lease)?;
        let is_reported = self.latest.in_hand.as_ref() == Some(lease);
        Some(InHand {
            lease: lease.clone(),
            grid,
            iteration,
            since: now.saturating_sub(view.head_since),
            retries: if is_reported { self.latest.memory_retries } else { 0 },
        })
    }
}
