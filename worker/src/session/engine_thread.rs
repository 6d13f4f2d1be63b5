//! The engine on a thread of its own, so that computing never delays a heartbeat.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::ids::Lease;
use patchsweep_proto::scores::CacheStats;
use patchsweep_proto::tile::Tile;
use tokio::sync::mpsc;
use tracing::Span;

use super::SessionError;
use crate::engine::{Engine, EngineError, Evaluation, panic_text};

/// A granted tile.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) lease: Lease,
    pub(super) tile: Tile,
    pub(super) context: Arc<SweepContext>,
    /// Names sweep, tile, attempt and worker in every line of the log.
    pub(super) span: Span,
}

/// What became of a job.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) lease: Lease,
    pub(super) outcome: Result<Evaluation, EngineError>,
    pub(super) cache: CacheStats,
    pub(super) busy: Duration,
}

/// The engine's thread: takes one job at a time.
#[derive(Debug)]
pub(super) struct EngineThread {
    jobs: mpsc::Sender<Job>,
    finished: mpsc::Receiver<Finished>,
    busy: bool,
    /// As of the last finished job.
    cache: CacheStats,
}

const THREAD: &str = "engine";

/// How long a worker that stops waits for the tile in hand.
const GRACE: Duration = Duration::from_secs(20);

impl EngineThread {
    pub(super) fn start(mut engine: impl Engine) -> Result<Self, SessionError> {
        let (jobs, mut incoming) = mpsc::channel::<Job>(1);
        let (outgoing, finished) = mpsc::channel(1);
        let work = move || {
            while let Some(job) = incoming.blocking_recv() {
                if outgoing.blocking_send(compute(&mut engine, job)).is_err() {
                    return;
                }
            }
        };
        quieten_panics();
        std::thread::Builder::new().name(THREAD.to_owned()).spawn(work)?;
        Ok(Self { jobs, finished, busy: false, cache: CacheStats::default() })
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// What the engine's cache did, as of the last finished job.
    pub(super) fn cache_stats(&self) -> CacheStats {
        self.cache
    }

    /// Starts a job; only while the engine is not busy.
    pub(super) fn begin(&mut self, job: Job) -> Result<(), SessionError> {
        self.jobs.try_send(job).map_err(|_| SessionError::EngineGone)?;
        self.busy = true;
        Ok(())
    }

    /// The job in hand, when it is finished. Cancel-safe. Waits for ever when none is in hand.
    pub(super) async fn finished(&mut self) -> Result<Finished, SessionError> {
        let finished = self.finished.recv().await.ok_or(SessionError::EngineGone)?;
        self.busy = false;
        self.cache = finished.cache;
        Ok(finished)
    }

    /// Waits, within bounds, for the tile in hand: libtorch must not compute while the process exits.
    pub(super) async fn stop(mut self) {
        if self.busy && tokio::time::timeout(GRACE, self.finished()).await.is_err() {
            tracing::warn!("the tile in hand takes too long; leaving it");
        }
    }
}

/// Panics of the engine are caught and reported in one line; libtorch's C++ backtraces are for those who ask.
fn quieten_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| match std::thread::current().name() {
            Some(THREAD) => tracing::debug!("{info}"),
            _ => usual(info),
        }));
    });
}

fn compute(engine: &mut impl Engine, job: Job) -> Finished {
    let Job { lease, tile, context, span } = job;
    let _entered = span.enter();
    let started = Instant::now();
    // libtorch reports what goes wrong, running out of memory included, as panics.
    let outcome = catch_unwind(AssertUnwindSafe(|| engine.evaluate(&context, &tile)))
        .unwrap_or_else(|panic| Err(EngineError::Panicked { message: panic_message(panic.as_ref()) }));
    let busy = started.elapsed();
    match &outcome {
        Ok(_) => tracing::info!(seconds = busy.as_secs_f64(), "tile computed"),
        Err(error) => tracing::warn!(error = patchsweep_proto::error_chain(error), "tile failed"),
    }
    Finished { lease, outcome, cache: engine.cache_stats(), busy }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic_text(panic).unwrap_or("no message");
    text.lines().next().unwrap_or(text).to_owned()
}
