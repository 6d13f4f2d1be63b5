//! The worker's side of the protocol: dial out, register, compute what is granted, report.

mod contexts;
mod engine_thread;
mod error;
mod stream;

use std::future::Future;
use std::time::Duration;

use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use tonic::transport::{Channel, Endpoint};

pub use error::SessionError;

use crate::engine::Engine;
use contexts::Contexts;
use engine_thread::EngineThread;
use stream::Ending;

/// What a worker is told when it starts.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The coordinator, from [`patchsweep_proto::endpoint::coordinator`].
    pub coordinator: Endpoint,
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
    options: WorkerOptions,
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
                client = connect(&options.coordinator) => client?,
                () = shutdown.as_mut() => return Ok(Ending::ShutDown),
            };
            stream::run(client, &options, &mut engine, &mut backoff, &mut contexts, shutdown.as_mut()).await
        };
        match session.await {
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

async fn connect(endpoint: &Endpoint) -> Result<WorkerServiceClient<Channel>, SessionError> {
    let url = endpoint.uri().to_string();
    let channel = endpoint.connect().await.map_err(|source| SessionError::Unreachable { url, source })?;
    Ok(WorkerServiceClient::new(channel))
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
