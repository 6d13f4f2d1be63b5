//! The worker's side of the protocol: dial out, register, compute what is granted, report.

mod contexts;
mod engine_thread;
mod error;
mod stream;

use std::future::Future;
use std::time::Duration;

use patchsweep_proto::dial::{Connection, DialError, Dialer};
use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;

pub use error::SessionError;

use crate::engine::Engine;
use contexts::Contexts;
use engine_thread::EngineThread;
use stream::Ending;

/// What a worker is told when it starts.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// How to reach the coordinator.
    pub coordinator: Dialer,
    /// For people: host and process id.
    pub name: String,
    /// For people: `cpu`, `cuda:0`.
    pub device: String,
    /// Leases held at once: one in hand, the rest waiting.
    pub credit: u32,
}

/// Serves a coordinator until `shutdown` completes; reconnects whenever the connection breaks.
///
/// Fails only where trying again cannot help.
pub async fn serve(
    mut options: WorkerOptions,
    engine: impl Engine,
    shutdown: impl Future<Output = ()>,
) -> Result<(), SessionError> {
    let mut engine = EngineThread::start(engine)?;
    let mut backoff = Backoff::default();
    let mut contexts = Contexts::default();
    tokio::pin!(shutdown);
    let outcome = loop {
        let session = async {
            let client = tokio::select! {
                client = connect(&mut options.coordinator) => client?,
                () = shutdown.as_mut() => return Ok(Ending::ShutDown),
            };
            stream::run(client, &options, &mut engine, &mut backoff, &mut contexts, shutdown.as_mut()).await
        };
        let ended = session.await.map_err(|error| match error {
            SessionError::Broken(status) => options.coordinator.refusal(&status).map_or(status.into(), Into::into),
            error => error,
        });
        match ended {
            Ok(Ending::ShutDown) => break Ok(()),
            Ok(Ending::Closed) => tracing::warn!("coordinator closed the session"),
            Err(error) if error.is_permanent() => break Err(error),
            Err(error) => {
                tracing::warn!(error = patchsweep_proto::error_chain(&error), "no session with the coordinator");
            }
        }
        let pause = backoff.next();
        tracing::info!(seconds = pause.as_secs_f64(), "trying again");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.as_mut() => break Ok(()),
        }
    };
    engine.stop().await;
    outcome
}

async fn connect(dialer: &mut Dialer) -> Result<WorkerServiceClient<Connection>, SessionError> {
    let connection = dialer.dial().await.map_err(|error| match error {
        DialError::Unreachable { url, source } => SessionError::Unreachable { url, source },
        DialError::Rejected(rejected) => rejected.into(),
        DialError::Credentials(error) => error.into(),
    })?;
    Ok(WorkerServiceClient::new(connection))
}

/// Pauses between attempts to connect: doubling from 0.5 s to 15 s, jittered so that workers do not come in step.
#[derive(Debug, Default)]
struct Backoff {
    attempts: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(15);

    fn next(&mut self) -> Duration {
        let doubled = Self::FIRST * 2u32.pow(self.attempts.min(5));
        self.attempts += 1;
        doubled.min(Self::LONGEST).mul_f64(rand::random_range(0.5..1.0))
    }

    fn reset(&mut self) {
        self.attempts = 0;
    }
}
