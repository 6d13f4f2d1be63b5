//! A coordinator in this process, and workers that a test plays message by message, over real gRPC.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use patchsweep_core::scores::TileScores;
use patchsweep_core::tile::Tile;
use patchsweep_files::locate::ModelFolders;
use patchsweep_proto::PROTOCOL_VERSION;
use patchsweep_proto::v1::client_service_client::ClientServiceClient;
use patchsweep_proto::v1::coordinator_message::Message as FromCoordinator;
use patchsweep_proto::v1::worker_message::Message as FromWorker;
use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use patchsweep_proto::v1::{
    CoordinatorMessage, FailureKind, Grant, Heartbeat, Lease, Register, Submission, SubmitSweepRequest,
    SubmitSweepResponse, TileFailure, TileResult, Welcome, WorkerMessage, tile_result,
};
use patchsweep_serve::gate::Gate;
use patchsweep_serve::server::{Coordinator, Offload, RecentLog, Service};
use patchsweep_serve::state::{Recovered, Store};
use prost::Message;
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::process::client;
use crate::simulation::{made_up_scores, model};
use crate::tiny::Tiny;

/// Nothing that a test waits for takes longer.
const BOUND: Duration = Duration::from_mins(1);

/// Waits, within bounds.
///
/// # Panics
/// When it takes too long.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, future).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// A coordinator that serves some models.
#[derive(Debug)]
pub struct Served {
    url: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Served {
    /// Starts one on a free port over what a store holds.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(tiny: &Tiny, store: Store, recovered: Recovered) -> Self {
        Self::keeping(tiny, store, recovered, None).await
    }

    /// The same for one that forgets ended sweeps after a time.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn keeping(tiny: &Tiny, store: Store, recovered: Recovered, keep: Option<Duration>) -> Self {
        Self::of_models(tiny.models(), (store, recovered), keep, Offload::Threads).await
    }

    /// The same for one that finds models in a folder.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn of_models(
        models: &Path,
        (store, recovered): (Store, Recovered),
        keep: Option<Duration>,
        offload: Offload,
    ) -> Self {
        let coordinator = Coordinator::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("a free port");
        let url = format!("http://{}", coordinator.address());
        let folders = ModelFolders::with_hub_cache(vec![models.to_owned()]);
        let service = Service {
            folders,
            store,
            recovered,
            keep,
            offload,
            gate: Gate::open(),
            watched: patchsweep_serve::server::Watched::default(),
            events: RecentLog::new(),
        };
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            coordinator.serve(service, shutdown).await.expect("it serves");
        });
        Self { url, stop, serving }
    }

    /// Starts one over what `open` gives, lets a worker report one tile of the tiny sweep, and starts it again.
    ///
    /// # Panics
    /// When there is no free port, or the sweep is refused.
    pub async fn restarted_after_a_result(tiny: &Tiny, open: impl Fn() -> (Store, Recovered)) -> (Self, Reported) {
        let (store, recovered) = open();
        let served = Self::start(tiny, store, recovered).await;
        let sweep_id = served.submit(tiny.submission()).await.sweep_id;
        let mut worker = served.worker(1).await;
        let grant = worker.compute_one(tiny).await;
        let coordinator_id = worker.welcome.coordinator_id.clone();
        served.stop().await;
        let (store, recovered) = open();
        (Self::start(tiny, store, recovered).await, Reported { sweep_id, grant, coordinator_id })
    }

    /// Starts one that keeps its state in memory.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn in_memory(tiny: &Tiny) -> Self {
        let (store, recovered) = Store::in_memory().expect("memory");
        Self::start(tiny, store, recovered).await
    }

    /// Ends it in order.
    ///
    /// # Panics
    /// When it does not end in time, or not well.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        within("the coordinator's end", self.serving).await.expect("it ends well");
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What `patchsweep` says to a client command, while the test's workers go on.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn patchsweep(&self, args: &[&str]) -> impl Future<Output = CommandOutput> + use<> {
        let mut command = Command::from(client(&[args, &["--coordinator", &self.url]].concat()));
        command.stdin(Stdio::null()).kill_on_drop(true);
        async move { within("the command", command.output()).await.expect("it starts").into() }
    }

    /// Submits a sweep.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn submit(&self, submission: Submission) -> SubmitSweepResponse {
        let chunk = SubmitSweepRequest { data: submission.encode_to_vec() };
        let submitted = self.client().await.submit_sweep(tokio_stream::iter([chunk])).await;
        submitted.expect("it is planned").into_inner()
    }

    /// A client's connection.
    pub async fn client(&self) -> ClientServiceClient<Channel> {
        ClientServiceClient::new(self.channel().await)
    }

    /// A worker's connection.
    pub async fn worker_rpc(&self) -> WorkerServiceClient<Channel> {
        WorkerServiceClient::new(self.channel().await)
    }

    async fn channel(&self) -> Channel {
        channel(&self.url).await
    }

    /// A worker that the test plays.
    pub async fn worker(&self, credit: u32) -> ScriptedWorker {
        self.named_worker("scripted", credit).await
    }

    /// A worker that the test plays, under a name of its own.
    ///
    /// # Panics
    /// When it is turned away.
    pub async fn named_worker(&self, name: &str, credit: u32) -> ScriptedWorker {
        ScriptedWorker::at(&self.url, name, credit).await
    }

    /// A worker that says to hold leases of an earlier session with this coordinator.
    pub async fn returning_worker(
        &self,
        credit: u32,
        held: Vec<Lease>,
        coordinator_id: Vec<u8>,
    ) -> Result<ScriptedWorker, Status> {
        let register = Register { name: "scripted".to_owned(), credit, held, coordinator_id, ..Register::default() };
        registered(&self.url, register).await
    }
}

async fn channel(url: &str) -> Channel {
    Channel::from_shared(url.to_owned()).expect("a URL").connect().await.expect("it listens")
}

async fn registered(url: &str, register: Register) -> Result<ScriptedWorker, Status> {
    let (outbox, outgoing) = mpsc::channel(64);
    let register = Register { protocol_version: PROTOCOL_VERSION, device: "none".to_owned(), ..register };
    say(&outbox, FromWorker::Register(register)).await;
    let mut rpc = WorkerServiceClient::new(channel(url).await);
    let mut incoming = rpc.session(ReceiverStream::new(outgoing)).await?.into_inner();
    match within("the welcome", incoming.message()).await?.and_then(|message| message.message) {
        Some(FromCoordinator::Welcome(welcome)) => {
            let mut alive = JoinSet::new();
            alive.spawn(beat(Duration::from_millis(welcome.heartbeat_interval_ms.into()), outbox.clone()));
            Ok(ScriptedWorker { welcome, outbox, incoming, granted: VecDeque::new(), _alive: alive })
        }
        other => Err(Status::internal(format!("{other:?} in place of a welcome"))),
    }
}

/// A result that a coordinator acknowledged before it was started again.
#[derive(Debug)]
pub struct Reported {
    /// The sweep.
    pub sweep_id: String,
    /// What was computed.
    pub grant: Grant,
    /// The life of the coordinator that granted it.
    pub coordinator_id: Vec<u8>,
}

impl Reported {
    /// The worker once more, which has not seen the acknowledgement and reports again.
    ///
    /// # Panics
    /// When it is turned away.
    pub async fn once_more(&self, served: &Served, tiny: &Tiny) -> ScriptedWorker {
        let held = self.grant.lease.clone().into_iter().collect();
        let mut worker = served.returning_worker(1, held, self.coordinator_id.clone()).await.expect("it is taken");
        worker.report(tiny, &self.grant).await;
        worker.acknowledged(self.grant.lease.as_ref()).await;
        worker
    }
}

/// Says that the worker lives, for as long as somebody listens.
async fn beat(interval: Duration, outbox: mpsc::Sender<WorkerMessage>) {
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        let heartbeat = WorkerMessage { message: Some(FromWorker::Heartbeat(Heartbeat::default())) };
        if outbox.send(heartbeat).await.is_err() {
            return;
        }
    }
}

async fn say(outbox: &mpsc::Sender<WorkerMessage>, message: FromWorker) {
    outbox.send(WorkerMessage { message: Some(message) }).await.expect("the session is open");
}

/// A registered worker whose messages are the test's.
#[derive(Debug)]
pub struct ScriptedWorker {
    /// The coordinator's first message.
    pub welcome: Welcome,
    outbox: mpsc::Sender<WorkerMessage>,
    incoming: Streaming<CoordinatorMessage>,
    /// Grants that came while something else was waited for.
    granted: VecDeque<Grant>,
    /// Ends with the session.
    _alive: JoinSet<()>,
}

impl ScriptedWorker {
    /// One of a coordinator that runs elsewhere.
    ///
    /// # Panics
    /// When it is turned away.
    pub async fn at(url: &str, name: &str, credit: u32) -> Self {
        let register = Register { name: name.to_owned(), credit, ..Register::default() };
        registered(url, register).await.expect("it is taken")
    }

    /// Says something.
    pub async fn say(&self, message: FromWorker) {
        say(&self.outbox, message).await;
    }

    /// Reports made-up scores.
    pub async fn report(&self, tiny: &Tiny, grant: &Grant) {
        self.say(FromWorker::Result(result(tiny, grant))).await;
    }

    /// Reports the next tile that it is granted, until that is acknowledged; gives the grant.
    ///
    /// # Panics
    /// When the session ends first.
    pub async fn compute_one(&mut self, tiny: &Tiny) -> Grant {
        let grant = self.grant().await;
        self.report(tiny, &grant).await;
        self.acknowledged(grant.lease.as_ref()).await;
        grant
    }

    /// Says that an attempt failed.
    pub async fn fail(&self, grant: &Grant, reason: &str) {
        self.say(FromWorker::Result(failure(grant, FailureKind::Attempt, reason))).await;
    }

    /// The coordinator's next message; `None` when it has closed the session.
    pub async fn next(&mut self) -> Option<FromCoordinator> {
        within("the next message", self.incoming.message()).await.ok().flatten()?.message
    }

    /// The next grant; other messages are passed over.
    ///
    /// # Panics
    /// When the session ends first.
    pub async fn grant(&mut self) -> Grant {
        within("the next grant", self.next_grant()).await.expect("the session is open")
    }

    async fn next_grant(&mut self) -> Option<Grant> {
        while self.granted.is_empty() {
            let message = self.incoming.message().await.ok().flatten()?.message?;
            self.note(message);
        }
        self.granted.pop_front()
    }

    /// Waits until this lease is acknowledged; other messages but grants are passed over.
    ///
    /// # Panics
    /// When the session ends first.
    pub async fn acknowledged(&mut self, lease: Option<&Lease>) {
        loop {
            match self.next().await.expect("the session is open") {
                FromCoordinator::Acknowledge(acknowledged) if acknowledged.lease.as_ref() == lease => return,
                message => self.note(message),
            }
        }
    }

    /// Waits until this lease is revoked; other messages but grants are passed over.
    ///
    /// # Panics
    /// When the session ends first.
    pub async fn revoked(&mut self, lease: Option<&Lease>) {
        loop {
            match self.next().await.expect("the session is open") {
                FromCoordinator::Revoke(revoked) if revoked.lease.as_ref() == lease => return,
                message => self.note(message),
            }
        }
    }

    /// Computes whatever is granted, one tile after the other acknowledged, and notes it, until the session ends.
    pub async fn compute(&mut self, tiny: &Tiny, computed: &mut Vec<Lease>) {
        let answer = |grant: &Grant| {
            computed.extend(grant.lease.clone());
            Some(result(tiny, grant))
        };
        self.play(answer).await;
    }

    /// Answers whatever is granted, one lease after the other acknowledged, until the session ends or there is no answer.
    pub async fn play(&mut self, mut answer: impl FnMut(&Grant) -> Option<TileResult>) {
        while let Some(grant) = self.next_grant().await {
            let Some(result) = answer(&grant) else { return };
            self.say(FromWorker::Result(result)).await;
            self.acknowledged(grant.lease.as_ref()).await;
        }
    }

    fn note(&mut self, message: FromCoordinator) {
        if let FromCoordinator::Grant(grant) = message {
            self.granted.push_back(grant);
        }
    }
}

/// What a client command printed, and its exit code.
#[derive(Debug)]
pub struct CommandOutput {
    /// Its exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// Standard output, without white space around it.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout).trim().to_owned(), err: text(&output.stderr) }
    }
}

/// The number of a grant's tile.
///
/// # Panics
/// When the grant lacks a lease.
#[must_use]
pub fn tile_of(grant: &Grant) -> u32 {
    grant.lease.as_ref().expect("a lease").tile_id
}

/// That a grant's tile could not be computed.
#[must_use]
pub fn failure(grant: &Grant, kind: FailureKind, reason: &str) -> TileResult {
    let failure = TileFailure { reason: reason.to_owned(), kind: kind.into() };
    TileResult {
        lease: grant.lease.clone(),
        outcome: Some(tile_result::Outcome::Failure(failure)),
        ..TileResult::default()
    }
}

/// Made-up scores for a grant.
///
/// # Panics
/// When the grant lacks a tile.
#[must_use]
pub fn scores(tiny: &Tiny, grant: &Grant) -> TileScores {
    let tile = Tile::try_from(grant.tile.clone().expect("a tile")).expect("a tile of the plan");
    made_up_scores(&tile, tiny.plan().context.metrics.len())
}

/// A report of made-up scores.
#[must_use]
pub fn result(tiny: &Tiny, grant: &Grant) -> TileResult {
    scored(grant, &scores(tiny, grant))
}

/// A report of some scores.
#[must_use]
pub fn scored(grant: &Grant, scores: &TileScores) -> TileResult {
    TileResult {
        lease: grant.lease.clone(),
        outcome: Some(tile_result::Outcome::Scores(scores.into())),
        busy_seconds: 0.01,
        model_digest: model().0.to_vec(),
        ..TileResult::default()
    }
}
