//! The worker service: sessions and contexts.

use std::time::Duration;

use patchsweep_proto::PROTOCOL_VERSION;
use patchsweep_proto::chunk;
use patchsweep_proto::digest::Digest;
use patchsweep_proto::ids::WorkerId;
use patchsweep_proto::scores::{CacheStats, TileScores, WorkDone};
use patchsweep_proto::v1::worker_service_server::WorkerService;
use patchsweep_proto::v1::{self, tile_result, worker_message};
use patchsweep_proto::wire::{WireError, encode_context};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::client_service::ChunkStream;
use super::handle::{Command, Computed, Handle, Registration, Report};
use super::status::RequestError;

/// How long a connection may take to register.
const REGISTRATION: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct WorkerRpc {
    handle: Handle,
}

impl WorkerRpc {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle }
    }
}

#[tonic::async_trait]
impl WorkerService for WorkerRpc {
    type SessionStream = ReceiverStream<Result<v1::CoordinatorMessage, Status>>;
    type FetchContextStream = ChunkStream<v1::ContextChunk>;

    async fn session(
        &self,
        request: Request<Streaming<v1::WorkerMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut incoming = request.into_inner();
        let first = tokio::time::timeout(REGISTRATION, incoming.message()).await;
        let first = first.map_err(|_| RequestError::RegistrationTimeout)??.and_then(|message| message.message);
        let Some(worker_message::Message::Register(register)) = first else {
            return Err(RequestError::NotRegistered.into());
        };
        if register.protocol_version != PROTOCOL_VERSION {
            let (worker, coordinator) = (register.protocol_version, PROTOCOL_VERSION);
            return Err(RequestError::ProtocolVersion { worker, coordinator }.into());
        }
        let v1::Register { name, device, credit, cache, .. } = register;
        let cache = cache.map(CacheStats::from).unwrap_or_default();
        let registration = Registration { name, device, credit, cache };
        let seat = self.handle.ask(|reply| Command::Join { registration, reply }).await?;
        let span = tracing::info_span!("session", worker = %seat.worker, epoch = seat.epoch.0);
        tokio::spawn(listen(self.handle.clone(), seat.worker, incoming).instrument(span));
        Ok(Response::new(ReceiverStream::new(seat.outgoing)))
    }

    async fn fetch_context(
        &self,
        request: Request<v1::FetchContextRequest>,
    ) -> Result<Response<Self::FetchContextStream>, Status> {
        let digest = request.into_inner().context_digest;
        let digest = Digest::try_from(digest.as_slice()).map_err(RequestError::from)?;
        let plan = self.handle.ask(|reply| Command::Context { digest, reply }).await?;
        let chunks = chunk::split(&encode_context(&plan.context)).into_iter().map(|data| Ok(v1::ContextChunk { data }));
        Ok(Response::new(Box::pin(tokio_stream::iter(chunks))))
    }
}

/// Passes on what a worker says until its stream ends or it takes leave.
async fn listen(handle: Handle, worker: WorkerId, mut incoming: Streaming<v1::WorkerMessage>) {
    while let Some(message) = incoming.next().await {
        match message.map(read_message) {
            Ok(Ok(Some(Heard::GoingAway { reason }))) => {
                handle.tell(Command::Leaving { worker, reason }).await;
                break;
            }
            Ok(Ok(Some(Heard::Heartbeat))) => handle.tell(Command::Heard { worker }).await,
            Ok(Ok(Some(Heard::Report(report)))) => handle.tell(Command::Report { worker, report }).await,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "worker sent something invalid");
                break;
            }
            Err(status) => {
                tracing::warn!(error = status.message(), "worker's stream broke");
                break;
            }
        }
    }
    handle.tell(Command::Lost { worker }).await;
}

/// What a registered worker says.
enum Heard {
    Heartbeat,
    GoingAway { reason: String },
    Report(Box<Report>),
}

fn read_message(message: v1::WorkerMessage) -> Result<Option<Heard>, WireError> {
    let Some(message) = message.message else { return Ok(None) };
    let heard = match message {
        worker_message::Message::Heartbeat(_) => Heard::Heartbeat,
        worker_message::Message::GoingAway(v1::GoingAway { reason, .. }) => Heard::GoingAway { reason },
        worker_message::Message::Released(_) => return Ok(None),
        worker_message::Message::Result(result) => Heard::Report(Box::new(read_report(result)?)),
        worker_message::Message::Register(_) => {
            let reason = "a worker registers once".to_owned();
            return Err(WireError::Invalid { message: "WorkerMessage", field: "register", reason });
        }
    };
    Ok(Some(heard))
}

fn read_report(result: v1::TileResult) -> Result<Report, WireError> {
    let missing = |field| WireError::Missing { message: "TileResult", field };
    let outcome = match result.outcome.ok_or_else(|| missing("outcome"))? {
        tile_result::Outcome::Scores(scores) => Ok(Computed {
            scores: TileScores::try_from(scores)?,
            model: Digest::try_from(result.model_digest.as_slice())?,
        }),
        tile_result::Outcome::Failure(v1::TileFailure { reason, .. }) => Err(reason),
    };
    Ok(Report {
        lease: result.lease.ok_or_else(|| missing("lease"))?.into(),
        outcome,
        cache: result.cache.map(CacheStats::from).unwrap_or_default(),
        busy_seconds: result.busy_seconds,
        work: WorkDone { multiply_adds: result.multiply_adds, memory_retries: result.memory_retries },
    })
}
