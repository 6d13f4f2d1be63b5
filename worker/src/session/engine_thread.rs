//! The engine on a thread of its own, so that computing never delays a heartbeat.

use std::collections::BTreeSet;
use std::io;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

use patchsweep_core::ids::Lease;
use tokio::sync::mpsc;

use super::computer::{Computer, ComputerGone, Finished, Job};
use crate::engine::{Cancel, Engine, EngineError};
use crate::gauge::{Gauge, Vitals};
use crate::panics;
use crate::telemetry::{MEMORY_RETRIES, MULTIPLY_ADDS, STREAMED_BYTES, TILES, show_cache};

/// The engine's thread: takes one job at a time.
#[derive(Debug)]
pub struct EngineThread {
    jobs: mpsc::Sender<(Job, Cancel)>,
    finished: mpsc::Receiver<Finished>,
    in_hand: Option<(Lease, Cancel)>,
    gauge: Gauge,
}

const THREAD: &str = "engine";

/// How long a cancelled tile may take to end.
const LAST_PRODUCT: Duration = Duration::from_secs(3);

impl EngineThread {
    /// Moves an engine to its thread.
    pub fn start(mut engine: impl Engine) -> Result<Self, io::Error> {
        let (jobs, mut incoming) = mpsc::channel::<(Job, Cancel)>(1);
        let (outgoing, finished) = mpsc::channel(1);
        let gauge = engine.gauge();
        let work = move || {
            let mut complaints = Complaints::default();
            let mut is_lost = false;
            while let Some((job, cancel)) = incoming.blocking_recv() {
                let finished = compute(&mut engine, job, &cancel, &mut complaints);
                is_lost = matches!(finished.outcome, Err(EngineError::DeviceLost { .. }));
                if outgoing.blocking_send(finished).is_err() || is_lost {
                    break;
                }
            }
            // The owner of this thread hears of its end by the channel, so the engine goes first. To a device that is lost nothing can
            // be given back, and libtorch may end the process when it tries.
            if is_lost {
                std::mem::forget(engine);
            } else {
                drop(engine);
            }
            drop(outgoing);
        };
        quieten_panics();
        std::thread::Builder::new().name(THREAD.to_owned()).spawn(work)?;
        Ok(Self { jobs, finished, in_hand: None, gauge })
    }

    /// Ends the thread; says whether it has ended in time. Where it has not, the process must not end in the usual way: it
    /// would take libtorch apart while it computes.
    #[must_use]
    pub async fn stop(self) -> bool {
        let Self { jobs, mut finished, in_hand, .. } = self;
        if let Some((_, cancel)) = in_hand {
            cancel.cancel();
        }
        drop(jobs);
        let ended = async { while finished.recv().await.is_some() {} };
        tokio::time::timeout(LAST_PRODUCT, ended).await.is_ok()
    }
}

impl Computer for EngineThread {
    fn begin(&mut self, job: Job) -> Result<(), ComputerGone> {
        let cancel = Cancel::new();
        self.in_hand = Some((job.lease.clone(), cancel.clone()));
        self.jobs.try_send((job, cancel)).map_err(|_| ComputerGone)
    }

    async fn finished(&mut self) -> Result<Finished, ComputerGone> {
        let finished = self.finished.recv().await.ok_or(ComputerGone)?;
        self.in_hand = None;
        Ok(finished)
    }

    fn vitals(&self) -> Vitals {
        self.gauge.read()
    }

    fn cancel(&mut self, lease: &Lease) {
        if let Some((_, cancel)) = self.in_hand.as_ref().filter(|(in_hand, _)| in_hand == lease) {
            cancel.cancel();
        }
    }
}

/// Panics of the engine, and of threads that work for it, are caught and reported in one line; libtorch's C++ backtraces are for
/// those who ask.
fn quieten_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| match std::thread::current().name() {
            Some(name) if name.starts_with(THREAD) => tracing::debug!("{info}"),
            _ => usual(info),
        }));
    });
}

fn compute(engine: &mut impl Engine, job: Job, cancel: &Cancel, complaints: &mut Complaints) -> Finished {
    let Job { lease, tile, context, model, span } = job;
    let _entered = span.enter();
    let started = Instant::now();
    // libtorch reports what goes wrong, running out of memory included, as panics.
    let outcome = catch_unwind(AssertUnwindSafe(|| engine.evaluate(&context, &tile, model, cancel)))
        .unwrap_or_else(|panic| Err(EngineError::Panicked { message: panics::message(panic.as_ref()) }))
        .map_err(|error| lost_with(engine, error));
    let busy = started.elapsed();
    match &outcome {
        Ok(computed) => {
            TILES.add(&["computed"], 1);
            MULTIPLY_ADDS.add(&[], computed.work.multiply_adds);
            MEMORY_RETRIES.add(&[], computed.work.memory_retries);
            STREAMED_BYTES.add(&[], computed.work.streamed_bytes);
        }
        Err(EngineError::Cancelled) => TILES.add(&["cancelled"], 1),
        Err(_) => TILES.add(&["failed"], 1),
    }
    show_cache(engine.cache_stats());
    match &outcome {
        Ok(_) => tracing::info!(seconds = busy.as_secs_f64(), "tile computed"),
        Err(EngineError::Cancelled) => tracing::info!(seconds = busy.as_secs_f64(), "tile cancelled"),
        Err(error) => complaints.say(error),
    }
    Finished { lease, outcome, cache: engine.cache_stats(), loaded: engine.gauge().read().loaded, busy }
}

/// What a tile failed of: its engine's device, where nothing can be computed there any more.
fn lost_with(engine: &impl Engine, error: EngineError) -> EngineError {
    match error {
        EngineError::Cancelled => error,
        error => match engine.lost() {
            Some(lost) => EngineError::DeviceLost { lost, source: Box::new(error) },
            None => error,
        },
    }
}

/// Reported reasons why models cannot be used: every tile of such a model fails alike.
#[derive(Debug, Default)]
struct Complaints(BTreeSet<String>);

impl Complaints {
    /// Most that are remembered.
    const MOST: usize = 64;

    fn say(&mut self, error: &EngineError) {
        let text = patchsweep_core::error_chain(error);
        if !error.is_of_model() {
            tracing::warn!(error = text, "tile failed");
        } else if self.0.contains(&text) {
            tracing::debug!(error = text, "tile failed");
        } else {
            tracing::warn!(error = text, "model cannot be used: its tiles fail");
            if self.0.len() == Self::MOST {
                self.0.clear();
            }
            self.0.insert(text);
        }
    }
}
