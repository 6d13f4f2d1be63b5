//! One session: from dialling until the stream ends.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use patchsweep_core::digest::Digest;
use patchsweep_core::error_chain;
use patchsweep_core::ids::WorkerId;
use patchsweep_proto::PROTOCOL_VERSION;
use patchsweep_proto::v1::{self, coordinator_message, worker_message};
use patchsweep_proto::wire::WireError;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};
use tracing::Instrument;

use super::backoff::Backoff;
use super::computer::Computer;
use super::contexts::{Fetched, Fetching};
use super::desk::Desk;
use super::dial::{Client, Dial};
use super::messages::{going_away, read_coordinator, read_grant};
use super::outbox::{IN_FLIGHT, Outbox};
use super::presence::Presence;
use super::{SessionError, WorkerOptions};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the answer to a registration may take.
const WELCOME: Duration = Duration::from_secs(10);

/// How long a leaving worker waits for the coordinator to close the stream.
const FAREWELL: Duration = Duration::from_secs(2);

/// Bounds of the pause between heartbeats, in milliseconds.
const SHORTEST_PAUSE: u32 = 100;
const LONGEST_PAUSE: u32 = 60_000;

type Incoming = Streaming<v1::CoordinatorMessage>;

/// How a session ended in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The coordinator closed the stream.
    Closed,
    /// This worker was asked to leave.
    Left,
}

pub(super) async fn run<C: Computer>(
    options: &WorkerOptions,
    dialer: &mut impl Dial,
    desk: &mut Desk<'_, C>,
    backoff: &mut Backoff,
    presence: &mut Presence,
    mut shutdown: Pin<&mut impl Future<Output = Duration>>,
) -> Result<Ending, SessionError> {
    let client = tokio::select! {
        biased;
        _ = shutdown.as_mut() => return Ok(Ending::Left),
        connected = desk.work_beside(connect(dialer)) => connected??,
    };
    let (connection, outgoing) = mpsc::channel(IN_FLIGHT);
    let mut outbox = Outbox::new(connection);
    outbox.push(register(options, desk));
    outbox.pass_one_on().await;
    let (welcome, incoming) = tokio::select! {
        biased;
        _ = shutdown.as_mut() => return Ok(Ending::Left),
        welcomed = desk.work_beside(begin(client.clone(), outgoing)) => welcomed??,
    };
    backoff.reset();
    presence.registered();
    for result in desk.welcomed(read_coordinator(&welcome)?) {
        outbox.push(result);
    }
    // At once, so that the coordinator knows how much memory there is.
    outbox.push(desk.heartbeat());
    let worker = WorkerId(welcome.worker_id);
    tracing::info!(worker_id = %worker, epoch = welcome.epoch, "registered with the coordinator");
    let pause = Duration::from_millis(welcome.heartbeat_interval_ms.clamp(SHORTEST_PAUSE, LONGEST_PAUSE).into());
    let name = &options.name;
    let (grace, idle_limit, fetching) = (options.grace, options.leave_when_idle, Fetching::default());
    let session = Session { client, outbox, desk, presence, grace, idle_limit, fetching, leaving: None };
    session
        .run(incoming, pause, shutdown)
        .instrument(tracing::error_span!("session", worker = name, worker_id = %worker))
        .await
}

async fn connect(dialer: &mut impl Dial) -> Result<Client, SessionError> {
    match timeout(CONNECT, dialer.dial()).await {
        Ok(dialled) => dialled.map(Client::new),
        Err(_) => Err(SessionError::Unreachable { url: dialer.url(), source: None }),
    }
}

/// What this worker is, and what it holds from an earlier session.
fn register<C: Computer>(options: &WorkerOptions, desk: &mut Desk<'_, C>) -> worker_message::Message {
    let held = desk.settle();
    worker_message::Message::Register(v1::Register {
        protocol_version: PROTOCOL_VERSION,
        name: options.name.clone(),
        device: options.device.clone(),
        credit: options.credit,
        cache: Some(desk.cache().into()),
        held: held.iter().map(Into::into).collect(),
        coordinator_id: desk.coordinator().map_or_else(Vec::new, |coordinator| coordinator.0.to_vec()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        loaded: Some(desk.loaded()),
    })
}

/// Opens the stream and waits for the coordinator's first message.
async fn begin(
    mut client: Client,
    outgoing: mpsc::Receiver<v1::WorkerMessage>,
) -> Result<(v1::Welcome, Incoming), SessionError> {
    let opened = async {
        let mut incoming = client.session(ReceiverStream::new(outgoing)).await?.into_inner();
        let first = incoming.message().await?.and_then(|message| message.message);
        let Some(coordinator_message::Message::Welcome(welcome)) = first else {
            return Err(WireError::Missing { message: "CoordinatorMessage", field: "welcome" }.into());
        };
        Ok((welcome, incoming))
    };
    timeout(WELCOME, opened).await.unwrap_or(Err(SessionError::NoWelcome))
}

struct Session<'s, 'd, C> {
    client: Client,
    outbox: Outbox,
    desk: &'s mut Desk<'d, C>,
    presence: &'s mut Presence,
    /// How long the tile in hand may take when the coordinator asks this worker to leave.
    grace: Duration,
    /// How long this worker stays without anything to compute.
    idle_limit: Option<Duration>,
    fetching: Fetching,
    /// When this worker leaves whatever is unfinished.
    leaving: Option<Instant>,
}

impl<C: Computer> Session<'_, '_, C> {
    async fn run(
        mut self,
        mut incoming: Incoming,
        pause: Duration,
        mut shutdown: Pin<&mut impl Future<Output = Duration>>,
    ) -> Result<Ending, SessionError> {
        let ending = self.converse(&mut incoming, pause, shutdown.as_mut()).await;
        match ending {
            Ok(Ending::Left) => self.say_goodbye(incoming).await,
            // There is nobody left to finish anything for.
            Err(error) if self.leaving.is_some() => {
                tracing::warn!(error = error_chain(&error), "no session with the coordinator");
                return Ok(Ending::Left);
            }
            _ => {}
        }
        ending
    }

    async fn converse(
        &mut self,
        incoming: &mut Incoming,
        pause: Duration,
        mut shutdown: Pin<&mut impl Future<Output = Duration>>,
    ) -> Result<Ending, SessionError> {
        let mut heartbeats = interval_at(Instant::now() + pause, pause);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asked = false;
        while !self.may_go() {
            if let Some((digest, span)) = self.desk.missing_context() {
                self.fetching.start(&self.client, digest, span);
            }
            // In this order, so that equal runs are equal: time first, then what is sent, then what is received.
            tokio::select! {
                biased;
                grace = shutdown.as_mut(), if !asked => {
                    asked = true;
                    self.leave("shutting down", grace);
                }
                () = sleep_until(self.leaving.unwrap_or_else(Instant::now)), if self.leaving.is_some() => {
                    self.give_up();
                }
                () = sleep_until(self.idle_until().unwrap_or_else(Instant::now)), if self.idle_until().is_some() => {
                    self.leave("idle", self.grace);
                }
                _ = heartbeats.tick(), if self.outbox.has_room() => {
                    self.outbox.push(self.desk.heartbeat());
                }
                () = self.outbox.pass_one_on(), if !self.outbox.is_empty() => {}
                worked = self.desk.work() => {
                    self.say(worked?);
                    if self.desk.lost().is_some() {
                        self.leave("its device is lost", self.grace);
                    }
                }
                (digest, fetched) = self.fetching.fetched() => self.take_context(digest, fetched)?,
                message = incoming.message(), if self.outbox.has_room() => match message?.and_then(|m| m.message) {
                    Some(message) => self.take(message)?,
                    None if self.leaving.is_some() => break,
                    None => return Ok(Ending::Closed),
                }
            }
        }
        Ok(Ending::Left)
    }

    /// When this worker leaves, if it gets nothing to compute until then.
    fn idle_until(&self) -> Option<Instant> {
        let idle_limit = self.idle_limit.filter(|_| self.leaving.is_none() && !self.desk.has_waiting())?;
        Some(self.desk.idle_since()? + idle_limit)
    }

    fn say(&mut self, messages: impl IntoIterator<Item = worker_message::Message>) {
        for message in messages {
            self.outbox.push(message);
        }
    }

    fn take(&mut self, message: coordinator_message::Message) -> Result<(), SessionError> {
        match message {
            // Handed back with the others when the coordinator hears that this worker leaves.
            coordinator_message::Message::Grant(_) if self.leaving.is_some() => {}
            coordinator_message::Message::Grant(grant) => match read_grant(grant, self.desk.worker())? {
                (_, Ok(granted)) => self.desk.grant(granted)?,
                (lease, Err(error)) => {
                    let refused = self.desk.refuse(&lease, &error_chain(&error))?;
                    self.say(refused);
                }
            },
            coordinator_message::Message::Revoke(v1::Revoke { lease: Some(lease) }) => {
                let answer = self.desk.revoke(&lease.into());
                self.say(answer);
            }
            coordinator_message::Message::Acknowledge(v1::Acknowledge { lease: Some(lease) }) => {
                self.desk.acknowledge(&lease.into());
            }
            coordinator_message::Message::Drain(v1::Drain { reason }) => {
                tracing::info!(reason, "asked to leave by the coordinator");
                self.leave("drained", self.grace);
            }
            coordinator_message::Message::Revoke(_)
            | coordinator_message::Message::Acknowledge(_)
            | coordinator_message::Message::Welcome(_) => {}
        }
        Ok(())
    }

    fn take_context(&mut self, digest: Digest, fetched: Fetched) -> Result<(), SessionError> {
        match fetched {
            Ok(context) => self.desk.context_came(digest, context),
            // The sweep ended while its grant was under way.
            Err(SessionError::Broken(status)) if status.code() == Code::NotFound => {
                tracing::debug!(context = %digest.short(), "context is gone");
                let released = self.desk.context_is_gone(digest);
                self.say(released);
            }
            Err(error @ (SessionError::Invalid(_) | SessionError::TooLarge(_))) => {
                let failed = self.desk.context_is_bad(digest, &error_chain(&error));
                self.say(failed);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// From now on only what is begun is finished, within the grace period. Asked twice, the shorter one counts.
    fn leave(&mut self, reason: &str, grace: Duration) {
        let deadline = Instant::now() + grace;
        let is_first = self.leaving.is_none();
        self.leaving = Some(self.leaving.map_or(deadline, |before| before.min(deadline)));
        if is_first {
            self.presence.leaving();
            self.desk.hand_back();
            let finishing = self.desk.finishing();
            tracing::info!(finishing = finishing.len(), grace = grace.as_secs_f64(), "leaving: {reason}");
            self.outbox.push(going_away(reason, &finishing));
        }
    }

    /// The grace period is over.
    fn give_up(&mut self) {
        tracing::warn!("the grace period is over: handing back what is not finished");
        self.desk.abandon();
        self.outbox.push(going_away("the grace period is over", &[]));
    }

    /// Whether this worker leaves and has nothing to wait for.
    fn may_go(&self) -> bool {
        self.leaving.is_some() && self.desk.finishing().is_empty()
    }

    /// Waits, within bounds, until the coordinator has heard everything.
    async fn say_goodbye(self, mut incoming: Incoming) {
        let mut outbox = self.outbox;
        let closed = async {
            while !outbox.is_empty() {
                outbox.pass_one_on().await;
            }
            drop(outbox);
            while let Ok(Some(_)) = incoming.message().await {}
        };
        if timeout(FAREWELL, closed).await.is_err() {
            tracing::warn!("coordinator did not close the session");
        }
    }
}
