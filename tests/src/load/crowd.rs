//! Very many workers in this process.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use patchsweep_core::ids::Lease;
use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, WorkDone};
use patchsweep_link::credentials::Role;
use patchsweep_link::dial::Dialer;
use patchsweep_link::endpoint;
use patchsweep_process::health::Health;
use patchsweep_worker::engine::Evaluation;
use patchsweep_worker::gauge::Vitals;
use patchsweep_worker::session::{self, Computer, ComputerGone, Finished, Job, WorkerOptions};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::simulation::{made_up_scores, model};

/// Open files besides the workers' connections, generously.
const OTHER_FILES: u64 = 256;

/// Workers with a session of their own each, over a connection of its own. Gone when dropped.
#[derive(Debug)]
pub struct Crowd {
    counts: Arc<Counts>,
    sessions: JoinSet<()>,
    pace: Duration,
}

/// What the workers did.
#[derive(Debug)]
struct Counts {
    /// Tiles that were begun, by worker.
    begun: Vec<AtomicU64>,
    /// Since when somebody computes.
    began: Mutex<Option<Instant>>,
}

impl Crowd {
    /// Lets this process, and those that it starts, have so many connections.
    pub fn allow_connections(workers: u32) -> io::Result<()> {
        let wanted = u64::from(workers) + OTHER_FILES;
        match rlimit::increase_nofile_limit(wanted)? {
            allowed if allowed < wanted => Err(io::Error::other(format!("only {allowed} open files of {wanted}"))),
            _ => Ok(()),
        }
    }

    /// Starts them on the runtime that this is called in; a tile takes each as long as `pace`.
    ///
    /// # Panics
    /// When the address is none.
    #[must_use]
    pub fn start(url: &str, workers: u32, credit: u32, pace: Duration) -> Self {
        let begun = (0..workers).map(|_| AtomicU64::default()).collect();
        let counts = Arc::new(Counts { begun, began: Mutex::default() });
        let endpoint = endpoint::coordinator(url).expect("a URL");
        let mut sessions = JoinSet::new();
        for number in 0..workers {
            let mut computer = MadeUp { number: number as usize, counts: Arc::clone(&counts), pace, in_hand: None };
            let mut dialer = Dialer::new(Role::Worker, Some(endpoint.clone()), None).expect("no credentials to read");
            let (name, device) = (format!("crowd:{number}"), "none".to_owned());
            let options = WorkerOptions {
                name,
                device,
                credit,
                grace: Duration::ZERO,
                leave_when_idle: None,
                seed: number.into(),
                health: Health::default(),
            };
            sessions.spawn(async move {
                let ended = session::serve(options, &mut computer, &mut dialer, pending()).await;
                // One that gives up for good is missed where workers are counted.
                drop(ended);
            });
        }
        Self { counts, sessions, pace }
    }

    /// Sessions that have not ended for good.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Tiles that were computed.
    #[must_use]
    pub fn computed(&self) -> u64 {
        self.counts.begun.iter().map(|worker| worker.load(Ordering::Relaxed)).sum()
    }

    /// Of the time since the first tile was begun what the least busy worker has computed.
    ///
    /// # Panics
    /// When no tile was begun.
    #[must_use]
    pub fn least_busy(&self) -> f64 {
        let elapsed = self.began().expect("somebody computes").elapsed().as_secs_f64();
        let tiles = self.counts.begun.iter().map(|worker| worker.load(Ordering::Relaxed)).min().unwrap_or(0);
        let tiles = u32::try_from(tiles).expect("few tiles");
        f64::from(tiles) * self.pace.as_secs_f64() / elapsed
    }

    /// When the first tile was begun.
    #[must_use]
    pub fn began(&self) -> Option<Instant> {
        *self.counts.began.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes its scores up, and says so when it is time.
#[derive(Debug)]
struct MadeUp {
    number: usize,
    counts: Arc<Counts>,
    pace: Duration,
    /// With the time at which it is done.
    in_hand: Option<(Job, Instant)>,
}

impl Computer for MadeUp {
    fn begin(&mut self, job: Job) -> Result<(), ComputerGone> {
        let now = Instant::now();
        self.counts.began.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
        self.counts.begun[self.number].fetch_add(1, Ordering::Relaxed);
        self.in_hand = Some((job, now + self.pace));
        Ok(())
    }

    async fn finished(&mut self) -> Result<Finished, ComputerGone> {
        let Some(&(_, done)) = self.in_hand.as_ref() else { return pending().await };
        // Whoever waits may stop and ask again.
        sleep_until(done.into()).await;
        let Some((Job { lease, tile, context, .. }, _)) = self.in_hand.take() else { return pending().await };
        let scores = made_up_scores(&tile, context.metrics.len());
        let work = WorkDone { multiply_adds: 1, ..WorkDone::default() };
        let outcome = Ok(Evaluation { scores, model: model(), notes: Vec::new(), work, loading: Duration::ZERO });
        let loaded = vec![LoadedModel { model: context.model.clone(), dtype: context.dtype }];
        Ok(Finished {
            lease,
            outcome,
            cache: CacheStats::default(),
            loaded,
            busy: self.pace.max(Duration::from_micros(1)),
        })
    }

    fn vitals(&self) -> Vitals {
        Vitals::default()
    }

    /// Whatever is in hand is finished soon.
    fn cancel(&mut self, _: &Lease) {}
}
