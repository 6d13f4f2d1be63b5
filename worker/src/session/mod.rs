//! The worker's side of the protocol: dial out, register, compute what is granted, report. A worker that loses its
//! coordinator keeps what it holds and comes back.
//!
//! Time is tokio's and randomness comes from a seed, so that a session can be simulated.

mod backoff;
mod computer;
mod contexts;
mod desk;
mod dial;
mod engine_thread;
mod error;
mod messages;
mod outbox;
mod presence;
mod spans;
mod stream;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

pub use computer::{Computer, ComputerGone, Finished, Job};
pub use dial::Dial;
pub use engine_thread::EngineThread;
pub use error::SessionError;

use patchsweep_process::health::Health;

use backoff::Backoff;
use desk::Desk;
use presence::Presence;
use stream::Ending;

/// What a worker is started with.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// For people, and to distinguish workers: host and process id.
    pub name: String,
    /// For people: `cpu`, `cuda:0`.
    pub device: String,
    /// Leases held at once: one in hand, the rest waiting. At least one.
    pub credit: u32,
    /// How long the tile in hand may take when the coordinator asks the worker to leave.
    pub grace: Duration,
    /// Leave when there has been nothing to compute for so long.
    pub leave_when_idle: Option<Duration>,
    /// Of the pauses between attempts to connect.
    pub seed: u64,
    /// Reports whether the worker is registered.
    pub health: Health,
}

/// Serves a coordinator until it is asked to leave; reconnects whenever the connection breaks.
///
/// `shutdown` asks to leave: it gives the time that the tile in hand may take. Without a session there is nobody to finish it
/// for, so then it ends at once. It also leaves by itself when it has had nothing to compute for as long as the options say;
/// that counts from the first session on, and while the coordinator is unreachable too. When this returns, a job that is still in hand has been cancelled, but may not have ended.
///
/// Fails only where trying again cannot help. Where nothing can be computed any more, it hands back what is not finished before.
pub async fn serve<C: Computer>(
    options: WorkerOptions,
    computer: &mut C,
    dialer: &mut impl Dial,
    shutdown: impl Future<Output = Duration>,
) -> Result<(), SessionError> {
    let mut backoff = Backoff::new(options.seed);
    let mut desk = Desk::new(computer, &options.name, options.credit.max(1) as usize);
    let mut presence = Presence::new(options.health.clone());
    tokio::pin!(shutdown);
    let outcome = loop {
        let ended = stream::run(&options, dialer, &mut desk, &mut backoff, &mut presence, shutdown.as_mut()).await;
        match ended.map_err(|error| error.judged_by(dialer)) {
            Ok(Ending::Left) => break desk.lost().cloned().map_or(Ok(()), |lost| Err(lost.into())),
            Ok(Ending::Closed) => tracing::warn!("coordinator closed the session"),
            Err(error) if error.is_permanent() => break Err(error),
            Err(SessionError::Credentials(error)) => {
                tracing::warn!(error = patchsweep_core::error_chain(&error), "waiting for the credentials file");
            }
            Err(error) => {
                tracing::warn!(error = patchsweep_core::error_chain(&error), "no session with the coordinator");
            }
        }
        presence.lost();
        let pause = backoff.next();
        tracing::info!(seconds = pause.as_secs_f64(), "trying again");
        tokio::select! {
            biased;
            _ = shutdown.as_mut() => break Ok(()),
            rested = desk.work_beside(tokio::time::sleep(pause)) => if let Err(error) = rested {
                break Err(error);
            },
        }
        if let Some(limit) = options.leave_when_idle.filter(|&limit| desk.idle_for().is_some_and(|idle| idle >= limit))
        {
            tracing::info!(seconds = limit.as_secs_f64(), "idle, without a session: leaving");
            break Ok(());
        }
    };
    presence.leaving();
    desk.abandon();
    outcome
}
