//! A coordinator that does what a test says, for tests of callers.
//!
//! Whatever does not come within [`BOUND`], or is not what the test waits for, panics.

#![allow(clippy::missing_panics_doc, reason = "that is how tests fail")]

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::ids::TileId;
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_proto::chunk;
use patchsweep_proto::v1::worker_service_server::{WorkerService, WorkerServiceServer};
use patchsweep_proto::v1::{self, coordinator_message, worker_message};
use patchsweep_proto::wire::{digest_of, encode_context};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

/// Nothing that a test waits for takes longer.
pub const BOUND: Duration = Duration::from_mins(5);

const ROOM: usize = 16;

/// Waits, within bounds.
pub async fn soon<T>(something: impl Future<Output = T>) -> T {
    timeout(BOUND, something).await.expect("it happens")
}

type Reply = Result<v1::CoordinatorMessage, Status>;

/// The test's side of the coordinator.
#[derive(Debug)]
pub struct Coordinator {
    sessions: mpsc::Receiver<Peer>,
    /// What it is to do from now on.
    pub plan: Arc<Mutex<Plan>>,
}

/// What the coordinator is to do.
#[derive(Debug, Default)]
pub struct Plan {
    /// Answers to the next registrations, in place of a session.
    pub refusals: VecDeque<Status>,
    /// Nobody answers.
    pub is_down: bool,
    /// When the worker dialled.
    pub dialled: Vec<Instant>,
    /// Contexts that were fetched.
    pub fetched: usize,
    /// The coordinator knows no context.
    pub knows_no_context: bool,
}

/// One session, as the coordinator sees it.
#[derive(Debug)]
pub struct Peer {
    incoming: Streaming<v1::WorkerMessage>,
    outgoing: mpsc::Sender<Reply>,
    context: Digest,
}

struct Service {
    sessions: mpsc::Sender<Peer>,
    plan: Arc<Mutex<Plan>>,
    context: Arc<SweepContext>,
}

impl Coordinator {
    /// Starts one over these connections from workers.
    pub fn start<C>(context: SweepContext, connections: impl Stream<Item = io::Result<C>> + Send + 'static) -> Self
    where
        C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        C::ConnectInfo: Clone + Send + Sync + 'static,
    {
        let plan = Arc::new(Mutex::new(Plan::default()));
        let (sender, sessions) = mpsc::channel(ROOM);
        let service = Service { sessions: sender, plan: Arc::clone(&plan), context: Arc::new(context) };
        let server = Server::builder().add_service(WorkerServiceServer::new(service));
        tokio::spawn(server.serve_with_incoming(connections));
        Self { sessions, plan }
    }

    /// The next session that a worker opens.
    pub async fn session(&mut self) -> Peer {
        soon(self.sessions.recv()).await.expect("the coordinator lives")
    }

    /// Changes or reads what it is to do.
    pub fn plan<T>(&self, with: impl FnOnce(&mut Plan) -> T) -> T {
        with(&mut self.plan.lock().expect("nobody panicked"))
    }
}

#[tonic::async_trait]
impl WorkerService for Service {
    type SessionStream = ReceiverStream<Reply>;
    type FetchContextStream = ReceiverStream<Result<v1::ContextChunk, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::WorkerMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        if let Some(refusal) = self.plan.lock().expect("nobody panicked").refusals.pop_front() {
            return Err(refusal);
        }
        let (outgoing, replies) = mpsc::channel(ROOM);
        let peer = Peer { incoming: request.into_inner(), outgoing, context: digest_of(&self.context) };
        self.sessions.send(peer).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(replies)))
    }

    async fn fetch_context(
        &self,
        _: Request<v1::FetchContextRequest>,
    ) -> Result<Response<Self::FetchContextStream>, Status> {
        {
            let mut plan = self.plan.lock().expect("nobody panicked");
            plan.fetched += 1;
            if plan.knows_no_context {
                return Err(Status::not_found("no running sweep has this context"));
            }
        }
        let (outgoing, chunks) = mpsc::channel(ROOM);
        for data in chunk::split(&encode_context(&self.context)) {
            outgoing.try_send(Ok(v1::ContextChunk { data })).expect("a small context");
        }
        Ok(Response::new(ReceiverStream::new(chunks)))
    }
}

impl Peer {
    /// What the worker says next; heartbeats aside.
    pub async fn hear(&mut self) -> worker_message::Message {
        let next = async {
            loop {
                let message = self.incoming.message().await.expect("the stream is whole").expect("the worker stays");
                match message.message.expect("a message") {
                    worker_message::Message::Heartbeat(_) => {}
                    message => return message,
                }
            }
        };
        soon(next).await
    }

    /// The next heartbeat; anything else aside.
    pub async fn heartbeat(&mut self) -> v1::Heartbeat {
        let next = async {
            loop {
                let message = self.incoming.message().await.expect("the stream is whole").expect("the worker stays");
                if let Some(worker_message::Message::Heartbeat(heartbeat)) = message.message {
                    return heartbeat;
                }
            }
        };
        soon(next).await
    }

    /// What the worker registers with.
    pub async fn register(&mut self) -> v1::Register {
        match self.hear().await {
            worker_message::Message::Register(register) => register,
            other => panic!("not a registration: {other:?}"),
        }
    }

    /// The next result.
    pub async fn result(&mut self) -> v1::TileResult {
        match self.hear().await {
            worker_message::Message::Result(result) => result,
            other => panic!("not a result: {other:?}"),
        }
    }

    /// The lease that the worker hands back.
    pub async fn released(&mut self) -> Option<v1::Lease> {
        match self.hear().await {
            worker_message::Message::Released(released) => released.lease,
            other => panic!("not a release: {other:?}"),
        }
    }

    /// The leases that a leaving worker still finishes.
    pub async fn going_away(&mut self) -> Vec<v1::Lease> {
        match self.hear().await {
            worker_message::Message::GoingAway(away) => away.finishing,
            other => panic!("not going away: {other:?}"),
        }
    }

    /// Whether the worker has ended its stream.
    pub async fn has_left(&mut self) -> bool {
        soon(self.incoming.message()).await.is_ok_and(|message| message.is_none())
    }

    /// Sends a message to the worker.
    pub async fn say(&self, message: coordinator_message::Message) {
        self.outgoing.send(Ok(v1::CoordinatorMessage { message: Some(message) })).await.expect("the worker listens");
    }

    /// Welcomes the worker; `coordinator` is which one answers.
    pub async fn welcome(&self, coordinator: u8) {
        let coordinator_id = vec![coordinator; 16];
        let welcome = v1::Welcome { worker_id: 1, epoch: 1, heartbeat_interval_ms: 5000, coordinator_id };
        self.say(coordinator_message::Message::Welcome(welcome)).await;
    }

    /// Grants a baseline of one prompt.
    pub async fn grant(&self, tile: u32) {
        self.grant_work(tile, 1, TileWork::Baseline).await;
    }

    /// Grants this work over so many prompts.
    pub async fn grant_work(&self, tile: u32, prompts: u32, work: TileWork) {
        let work = Tile { id: TileId(tile), iteration: 0, prompts: 0..prompts, work };
        let grant = v1::Grant {
            traceparent: String::new(),
            lease: Some(lease(tile)),
            tile: Some((&work).into()),
            context_digest: self.context.0.to_vec(),
            model_digest: Vec::new(),
        };
        self.say(coordinator_message::Message::Grant(grant)).await;
    }

    /// Acknowledges the result of a tile.
    pub async fn acknowledge(&self, tile: u32) {
        self.say(coordinator_message::Message::Acknowledge(v1::Acknowledge { lease: Some(lease(tile)) })).await;
    }

    /// Revokes the lease of a tile.
    pub async fn revoke(&self, tile: u32) {
        self.say(coordinator_message::Message::Revoke(v1::Revoke { lease: Some(lease(tile)) })).await;
    }

    /// Asks the worker to leave.
    pub async fn drain(&self) {
        self.say(coordinator_message::Message::Drain(v1::Drain { reason: "maintenance".into() })).await;
    }

    /// Returns when the worker has taken everything that was sent: it answers the revocation of a lease that it never had.
    pub async fn is_heard(&mut self) {
        self.revoke(u32::MAX).await;
        assert_eq!(self.released().await, Some(lease(u32::MAX)));
    }

    /// Breaks the stream.
    pub async fn break_off(self) {
        self.outgoing.send(Err(Status::unavailable("broken"))).await.expect("the worker listens");
    }
}

/// The first attempt at a tile.
#[must_use]
pub fn lease(tile: u32) -> v1::Lease {
    v1::Lease { epoch: 1, sweep_id: "sweep".into(), tile_id: tile, attempt: 1 }
}
