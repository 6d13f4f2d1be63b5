//! One session: from registration until the stream ends.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use patchsweep_proto::dial::Connection;
use patchsweep_proto::digest::Digest;
use patchsweep_proto::ids::{Lease, WorkerId};
use patchsweep_proto::refusal::Refusal;
use patchsweep_proto::scores::WorkDone;
use patchsweep_proto::tile::Tile;
use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use patchsweep_proto::v1::{self, coordinator_message, worker_message};
use patchsweep_proto::wire::WireError;
use patchsweep_proto::{PROTOCOL_VERSION, error_chain};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};
use tracing::Instrument;

use super::contexts::Contexts;
use super::engine_thread::{EngineThread, Finished, Job};
use super::{Backoff, SessionError, WorkerOptions};
use crate::engine::Evaluation;

/// Messages that may wait for the connection.
const OUTBOX: usize = 16;

/// How long a leaving worker waits for the coordinator to close the stream.
const FAREWELL: Duration = Duration::from_secs(2);

/// How a session ended in order.
#[derive(Debug)]
pub(super) enum Ending {
    /// The coordinator closed the stream.
    Closed,
    /// This worker was asked to stop and has handed its leases back.
    ShutDown,
}

pub(super) async fn run(
    mut client: WorkerServiceClient<Connection>,
    options: &WorkerOptions,
    engine: &mut EngineThread,
    backoff: &mut Backoff,
    contexts: &mut Contexts,
    mut shutdown: Pin<&mut impl Future<Output = ()>>,
) -> Result<Ending, SessionError> {
    let (outbox, outgoing) = mpsc::channel(OUTBOX);
    let register = v1::Register {
        protocol_version: PROTOCOL_VERSION,
        name: options.name.clone(),
        device: options.device.clone(),
        credit: options.credit,
        cache: Some(engine.cache_stats().into()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..v1::Register::default()
    };
    send(&outbox, worker_message::Message::Register(register)).await;
    let response = tokio::select! {
        response = client.session(ReceiverStream::new(outgoing)) => response.map_err(refusal)?,
        () = shutdown.as_mut() => return Ok(Ending::ShutDown),
    };
    let mut incoming = response.into_inner();
    let Some(coordinator_message::Message::Welcome(welcome)) = next(&mut incoming).await? else {
        return Err(WireError::Missing { message: "CoordinatorMessage", field: "welcome" }.into());
    };
    backoff.reset();
    let worker = WorkerId(welcome.worker_id);
    tracing::info!(%worker, epoch = welcome.epoch, "registered with the coordinator");
    let heartbeat = Duration::from_millis(welcome.heartbeat_interval_ms.max(1).into());
    let _beating = Heartbeats::start(outbox.clone(), heartbeat);
    let session = Session { client, outbox, engine, contexts, queue: VecDeque::new() };
    let span = tracing::info_span!("session", %worker);
    session.run(incoming, shutdown).instrument(span).await
}

/// Tells the coordinator that this worker lives, whatever the session is doing; ends when dropped.
struct Heartbeats(tokio::task::JoinHandle<()>);

impl Heartbeats {
    fn start(outbox: mpsc::Sender<v1::WorkerMessage>, interval: Duration) -> Self {
        let beat = async move {
            let mut ticks = tokio::time::interval(interval);
            loop {
                ticks.tick().await;
                send(&outbox, worker_message::Message::Heartbeat(v1::Heartbeat {})).await;
            }
        };
        Self(tokio::spawn(beat.in_current_span()))
    }
}

impl Drop for Heartbeats {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Session<'a> {
    client: WorkerServiceClient<Connection>,
    outbox: mpsc::Sender<v1::WorkerMessage>,
    engine: &'a mut EngineThread,
    contexts: &'a mut Contexts,
    /// Granted, not begun.
    queue: VecDeque<Job>,
}

impl Session<'_> {
    async fn run(
        mut self,
        mut incoming: Streaming<v1::CoordinatorMessage>,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Ending, SessionError> {
        // An earlier session's tile: its lease ended with that session.
        let mut stale = self.engine.is_busy();
        loop {
            if !self.engine.is_busy()
                && let Some(job) = self.queue.pop_front()
            {
                self.engine.begin(job)?;
            }
            tokio::select! {
                message = incoming.message() => match message.map_err(refusal)?.and_then(|m| m.message) {
                    Some(message) => self.take(message).await?,
                    None => return Ok(Ending::Closed),
                },
                finished = self.engine.finished(), if self.engine.is_busy() => {
                    let Finished { lease, outcome, busy, .. } = finished?;
                    if !std::mem::take(&mut stale) {
                        self.report(&lease, outcome.map_err(|error| error_chain(&error)), busy).await;
                    }
                }
                () = shutdown.as_mut() => {
                    self.say_goodbye(incoming).await;
                    return Ok(Ending::ShutDown);
                }
            }
        }
    }

    async fn take(&mut self, message: coordinator_message::Message) -> Result<(), SessionError> {
        match message {
            coordinator_message::Message::Grant(grant) => {
                let (lease, tile, digest) = read_grant(grant)?;
                match self.contexts.get(&mut self.client, digest).await {
                    Ok(context) => {
                        let Lease { sweep, tile: id, attempt, .. } = &lease;
                        let span = tracing::info_span!("tile", %sweep, tile = %id, attempt = attempt.0);
                        self.queue.push_back(Job { lease, tile, context, span });
                    }
                    // The sweep ended while its grant was under way: a revocation is on its way too.
                    Err(SessionError::Broken(status)) if status.code() == Code::NotFound => {
                        tracing::debug!(sweep = %lease.sweep, tile = %lease.tile, "context is gone");
                    }
                    Err(error @ SessionError::Broken(_)) => return Err(error),
                    // The tile cannot even be begun.
                    Err(error) => self.report(&lease, Err(error_chain(&error)), Duration::ZERO).await,
                }
            }
            coordinator_message::Message::Revoke(v1::Revoke { lease: Some(lease) }) => {
                let revoked = Lease::from(lease);
                self.queue.retain(|job| job.lease != revoked);
            }
            coordinator_message::Message::Revoke(_)
            | coordinator_message::Message::Acknowledge(_)
            | coordinator_message::Message::Drain(_)
            | coordinator_message::Message::Welcome(_) => {}
        }
        Ok(())
    }

    async fn report(&self, lease: &Lease, outcome: Result<Evaluation, String>, busy: Duration) {
        let model = outcome.as_ref().map_or_else(|_| Vec::new(), |evaluation| evaluation.model.0.to_vec());
        let work = outcome.as_ref().map_or_else(|_| WorkDone::default(), |evaluation| evaluation.work);
        let outcome = match outcome {
            Ok(evaluation) => v1::tile_result::Outcome::Scores((&evaluation.scores).into()),
            Err(reason) => {
                v1::tile_result::Outcome::Failure(v1::TileFailure { reason, kind: v1::FailureKind::Attempt.into() })
            }
        };
        let result = v1::TileResult {
            lease: Some(lease.into()),
            outcome: Some(outcome),
            cache: Some(self.engine.cache_stats().into()),
            busy_seconds: busy.as_secs_f64(),
            model_digest: model,
            multiply_adds: work.multiply_adds,
            memory_retries: work.memory_retries,
        };
        send(&self.outbox, worker_message::Message::Result(result)).await;
    }

    /// Hands all leases back and waits, within bounds, until the coordinator has heard it.
    async fn say_goodbye(self, mut incoming: Streaming<v1::CoordinatorMessage>) {
        let reason = "shutting down".to_owned();
        send(&self.outbox, worker_message::Message::GoingAway(v1::GoingAway { reason, finishing: Vec::new() })).await;
        drop(self.outbox);
        let closed = async { while let Ok(Some(_)) = incoming.message().await {} };
        if tokio::time::timeout(FAREWELL, closed).await.is_err() {
            tracing::warn!("coordinator did not close the session");
        }
    }
}

/// A closed stream is noticed where messages are received, so that sending needs no error of its own.
async fn send(outbox: &mpsc::Sender<v1::WorkerMessage>, message: worker_message::Message) {
    let _ = outbox.send(v1::WorkerMessage { message: Some(message) }).await;
}

async fn next(
    incoming: &mut Streaming<v1::CoordinatorMessage>,
) -> Result<Option<coordinator_message::Message>, SessionError> {
    Ok(incoming.message().await.map_err(refusal)?.and_then(|message| message.message))
}

/// Refusals are final, everything else may pass.
fn refusal(status: tonic::Status) -> SessionError {
    match status.code() {
        Code::FailedPrecondition | Code::InvalidArgument if Refusal::of(&status).is_none() => {
            SessionError::Refused { reason: status.message().to_owned() }
        }
        _ => SessionError::Broken(status),
    }
}

fn read_grant(grant: v1::Grant) -> Result<(Lease, Tile, Digest), WireError> {
    let missing = |field| WireError::Missing { message: "Grant", field };
    let lease = grant.lease.ok_or_else(|| missing("lease"))?.into();
    let tile = grant.tile.ok_or_else(|| missing("tile"))?.try_into()?;
    Ok((lease, tile, grant.context_digest.as_slice().try_into()?))
}
