//! The worker service: sessions and contexts.

use std::time::Duration;

use patchsweep_core::ids::{CoordinatorId, Lease, WorkerId};
use patchsweep_core::scores::{CacheStats, MemoryUse, TileScores, WorkDone};
use patchsweep_proto::PROTOCOL_VERSION;
use patchsweep_proto::v1::worker_service_server::WorkerService;
use patchsweep_proto::v1::{self, tile_result, worker_message};
use patchsweep_proto::wire::{WireError, digest_from_wire, loaded_from_wire};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Empty, StreamExt};
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::handle::{Command, Failure, Handle, Registration, Report, Seat, Vitals};
use super::rpc_errors::RequestError;
use super::shared::Shared;
use crate::state::Completed;

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
    /// The chunks are put in its place: all workers ask at once, and share them.
    type FetchContextStream = Empty<Result<v1::ContextChunk, Status>>;

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
        let registration = read_registration(register).map_err(RequestError::from)?;
        let name = registration.name.clone();
        let seat = self.handle.ask(|reply| Command::Join { registration, reply }).await?;
        let Seat { worker, epoch, outgoing, dismissed } = seat;
        let span = tracing::error_span!(parent: None, "session", worker = name, worker_id = %worker, epoch = epoch.0);
        let handle = self.handle.clone();
        let listening = async move {
            tokio::select! {
                () = listen(&handle, worker, incoming) => {}
                _ = dismissed => {}
            }
            handle.send(Command::Lost { worker }).await;
        };
        tokio::spawn(listening.instrument(span));
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn fetch_context(
        &self,
        request: Request<v1::FetchContextRequest>,
    ) -> Result<Response<Self::FetchContextStream>, Status> {
        let digest = request.into_inner().context_digest;
        let digest = digest_from_wire(&digest).map_err(RequestError::from)?;
        let context = self.handle.ask(|reply| Command::Context { digest, reply }).await?;
        tracing::debug!(context = %digest.short(), bytes = context.len(), "context sent");
        let mut response = Response::new(tokio_stream::empty());
        response.extensions_mut().insert(Shared(context));
        Ok(response)
    }
}

/// Passes on what a worker says until its stream ends.
async fn listen(handle: &Handle, worker: WorkerId, mut incoming: Streaming<v1::WorkerMessage>) {
    while let Some(message) = incoming.next().await {
        match message.map(|message| read_message(worker, message)) {
            Ok(Ok(Some(command))) => handle.send(command).await,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = patchsweep_core::error_chain(&error), "worker sent something invalid");
                return;
            }
            Err(status) => {
                tracing::info!(error = status.message(), "worker's stream broke");
                return;
            }
        }
    }
}

fn read_registration(register: v1::Register) -> Result<Registration, WireError> {
    let v1::Register { name, device, credit, cache, held, coordinator_id, version, loaded, .. } = register;
    let invalid =
        |field, reason: &str| Err(WireError::Invalid { message: "Register", field, reason: reason.to_owned() });
    if held.len() > credit as usize {
        return invalid("held", "more leases than credit");
    }
    let held_for = match coordinator_id.len() {
        0 => None,
        _ => match coordinator_id.try_into() {
            Ok(id) => Some(CoordinatorId(id)),
            Err(_) => return invalid("coordinator_id", "not 16 bytes"),
        },
    };
    let cache = cache.map(CacheStats::from).unwrap_or_default();
    let held = held.into_iter().map(Lease::from).collect();
    let loaded = loaded.map(loaded_from_wire).transpose()?.unwrap_or_default();
    Ok(Registration { name, device, credit, version, cache, held, held_for, loaded })
}

/// What a registered worker says, as the owning task takes it.
fn read_message(worker: WorkerId, message: v1::WorkerMessage) -> Result<Option<Command>, WireError> {
    let Some(message) = message.message else { return Ok(None) };
    let command = match message {
        worker_message::Message::Heartbeat(v1::Heartbeat { cache, memory, in_hand, memory_retries, loaded }) => {
            let (cache, memory) = (cache.map(CacheStats::from), memory.map(MemoryUse::from));
            let (in_hand, loaded) = (in_hand.map(Lease::from), loaded.map(loaded_from_wire).transpose()?);
            let vitals = Vitals { cache, memory, in_hand, memory_retries, loaded };
            Command::Heard { worker, vitals: Box::new(vitals) }
        }
        worker_message::Message::GoingAway(v1::GoingAway { reason, finishing }) => {
            Command::Leaving { worker, reason, finishing: finishing.into_iter().map(Lease::from).collect() }
        }
        worker_message::Message::Released(v1::Released { lease }) => {
            let lease = lease.ok_or(WireError::Missing { message: "Released", field: "lease" })?.into();
            Command::Released { worker, lease }
        }
        worker_message::Message::Result(result) => Command::Report { worker, report: Box::new(read_report(result)?) },
        worker_message::Message::Register(_) => {
            let reason = "a worker registers once".to_owned();
            return Err(WireError::Invalid { message: "WorkerMessage", field: "register", reason });
        }
    };
    Ok(Some(command))
}

fn read_report(result: v1::TileResult) -> Result<Report, WireError> {
    let missing = |field| WireError::Missing { message: "TileResult", field };
    let outcome = match result.outcome.ok_or_else(|| missing("outcome"))? {
        tile_result::Outcome::Scores(scores) => Ok(Completed {
            scores: TileScores::try_from(scores)?,
            model: digest_from_wire(&result.model_digest)?,
            notes: read_notes(result.model_notes)?,
            busy: seconds(result.busy_seconds),
            work: WorkDone {
                multiply_adds: result.multiply_adds,
                libtorch_calls: result.libtorch_calls,
                memory_retries: result.memory_retries,
                streamed_bytes: result.streamed_bytes,
            },
        }),
        tile_result::Outcome::Failure(failure) => Err(match failure.kind() {
            v1::FailureKind::OtherModel => Failure::OtherModel(failure.reason),
            v1::FailureKind::Unspecified | v1::FailureKind::Attempt => Failure::Attempt(failure.reason),
        }),
    };
    Ok(Report {
        lease: result.lease.ok_or_else(|| missing("lease"))?.into(),
        outcome,
        loading: seconds(result.loading_seconds),
        cache: result.cache.map(CacheStats::from).unwrap_or_default(),
        loaded: result.loaded.map(loaded_from_wire).transpose()?,
    })
}

/// None where it is no length of time.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Notes go into the journal and the manifest with every result, so they are few and short.
fn read_notes(notes: Vec<String>) -> Result<Vec<String>, WireError> {
    const MOST: usize = 8;
    const LONGEST: usize = 2000;
    if notes.len() <= MOST && notes.iter().all(|note| note.len() <= LONGEST) {
        return Ok(notes);
    }
    let reason = format!("more than {MOST}, or one of more than {LONGEST} bytes");
    Err(WireError::Invalid { message: "TileResult", field: "model_notes", reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_few_and_short() {
        assert_eq!(read_notes(vec!["a".into(); 8]), Ok(vec!["a".to_owned(); 8]));
        assert!(read_notes(vec!["a".into(); 9]).is_err());
        assert!(read_notes(vec!["a".repeat(2001)]).is_err());
    }
}
