//! A cheap-to-clone way to talk to the task that owns the state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{CoordinatorId, Epoch, Lease, SweepId, TileId, WorkerId};
use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, MemoryUse};
use patchsweep_core::status::{Priority, SweepStatus};
use patchsweep_core::trace::TraceContext;
use patchsweep_core::workers::WorkerStatus;
use patchsweep_plan::Plan;
use patchsweep_proto::v1;
use prost::bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;

use super::choices::NotChosen;
use super::model_files::ModelFiles;
use super::resumption::Remains;
use super::rpc_errors::RequestError;
use crate::explain::Situation;
use crate::state::{Completed, KeptSweep};

/// A worker as it registered.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) name: String,
    pub(super) device: String,
    pub(super) credit: u32,
    /// The release of its program.
    pub(super) version: String,
    /// What its cache did before.
    pub(super) cache: CacheStats,
    /// Leases of an earlier session that it still computes or has results for.
    pub(super) held: Vec<Lease>,
    /// Who granted them.
    pub(super) held_for: Option<CoordinatorId>,
    /// What it has in memory.
    pub(super) loaded: Vec<LoadedModel>,
}

/// A worker's place in the coordinator.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) worker: WorkerId,
    pub(super) epoch: Epoch,
    /// What to send to the worker; ends when the worker is to be disconnected.
    pub(super) outgoing: mpsc::Receiver<Result<v1::CoordinatorMessage, Status>>,
    /// Closes when the worker is to be disconnected.
    pub(super) dismissed: oneshot::Receiver<()>,
}

/// What a worker says of itself with a heartbeat; with neither cache nor memory it says nothing.
#[derive(Debug)]
pub(super) struct Vitals {
    pub(super) cache: Option<CacheStats>,
    pub(super) memory: Option<MemoryUse>,
    pub(super) in_hand: Option<Lease>,
    /// Batches of the tile in hand that did not fit the memory.
    pub(super) memory_retries: u64,
    /// What it has in memory; `None`: it does not say.
    pub(super) loaded: Option<Vec<LoadedModel>>,
}

/// How things are with a sweep.
#[derive(Debug)]
pub(super) struct Situated {
    pub(super) situation: Situation,
    /// `None` where it has ended: the journal has it.
    pub(super) plan: Option<Arc<Plan>>,
}

/// What a worker says of a lease.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) lease: Lease,
    pub(super) outcome: Result<Completed, Failure>,
    /// What of the time went into loading the model.
    pub(super) loading: Duration,
    pub(super) cache: CacheStats,
    /// What the worker has in memory now; `None`: it does not say.
    pub(super) loaded: Option<Vec<LoadedModel>>,
}

/// Why a result cannot be merged with its sweep's.
#[derive(Debug)]
pub(super) enum Failure {
    /// This attempt at this tile.
    Attempt(String),
    /// The worker's model is another one.
    OtherModel(String),
}

/// A sweep to be computed.
#[derive(Debug)]
pub(super) struct NewSweep {
    pub(super) plan: Plan,
    /// Its context as it is encoded.
    pub(super) context: Bytes,
    pub(super) dataset: Digest,
    pub(super) priority: Priority,
    /// Even if the same plan has been submitted before.
    pub(super) always_new: bool,
    /// The only one that its scores may be of; `None`: that of the first scores.
    pub(super) model: Option<Digest>,
    /// The model's files as they are now; `None` of a check, whose model is that of what it checks.
    pub(super) files: Option<ModelFiles>,
    /// Of a check, by tile: who computed what it checks.
    pub(super) computed_by: BTreeMap<TileId, String>,
    /// That the client is part of.
    pub(super) trace: Option<TraceContext>,
}

/// What became of a submission.
#[derive(Debug)]
pub(super) enum Submitted {
    /// A new sweep, which is on disk.
    New(SweepId),
    /// A sweep that there is.
    Known {
        /// Its name.
        id: SweepId,
        /// Digest of the model that its scores so far are of; `None`: it has none.
        model: Option<Digest>,
        /// Where they may be of other weights than the workers have now: when it was submitted.
        unseen_since: Option<SystemTime>,
    },
    /// Nothing yet: that is for the digest of the model's files to say.
    Undecided(Box<NewSweep>),
}

/// One run of one sweep: from its submission, or a resumption, to its end and until it is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunId(pub(super) u64);

pub(super) type Reply<T> = oneshot::Sender<Result<T, RequestError>>;

/// Requests and reports to the owning task.
#[derive(Debug)]
pub(super) enum Command {
    Submit { sweep: Box<NewSweep>, reply: Reply<Submitted> },
    Watch { sweep: SweepId, reply: Reply<watch::Receiver<SweepStatus>> },
    List { reply: Reply<Vec<SweepStatus>> },
    Trace { sweep: SweepId, reply: Reply<Option<TraceContext>> },
    Cancel { sweep: SweepId, reply: Reply<SweepStatus> },
    Resumable { sweep: SweepId, reply: Reply<RunId> },
    Resume { run: RunId, remains: Box<Remains>, reply: Reply<Option<SweepStatus>> },
    Extend { run: RunId, sweep: SweepId, outcome: Result<Box<KeptSweep>, NotChosen> },
    Remove { sweep: SweepId, reply: Reply<Vec<SweepStatus>> },
    Workers { reply: Reply<Vec<WorkerStatus>> },
    Explain { sweep: SweepId, reply: Reply<Box<Situated>> },
    Drain { worker: WorkerId, reply: Reply<()> },
    Context { digest: Digest, reply: Reply<Bytes> },
    Join { registration: Registration, reply: Reply<Seat> },
    Heard { worker: WorkerId, vitals: Box<Vitals> },
    Leaving { worker: WorkerId, reason: String, finishing: Vec<Lease> },
    Lost { worker: WorkerId },
    Released { worker: WorkerId, lease: Lease },
    Report { worker: WorkerId, report: Box<Report> },
    Close { reply: Reply<()> },
}

/// Talks to the task that owns the state.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, RequestError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await;
        answer.await.map_err(|_| RequestError::ShuttingDown)?
    }

    /// Sends without waiting for an answer; a coordinator that has shut down drops it.
    pub(super) async fn send(&self, command: Command) {
        let _ = self.commands.send(command).await;
    }

    /// Ends all workers' streams, once what they reported is on disk.
    pub(super) async fn close(&self) {
        let _ = self.ask(|reply| Command::Close { reply }).await;
    }
}
