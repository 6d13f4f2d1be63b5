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

use crate::simulation::{made_up_scores, model};

/// Open files besides the workers' connections, generously.
const OTHER_FILES: u64 = 256;

/// Workers with a session of their own each, over a connection of its own. Gone when dropped.
#[derive(Debug)]
pub struct Crowd {
    counts: Arc<Counts>,
    sessions: JoinSet<()>,
}

/// What all workers did together.
#[derive(Debug, Default)]
struct Counts {
    computed: AtomicU64,
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

    /// Starts them on the runtime that this is called in.
    ///
    /// # Panics
    /// When the address is none.
    #[must_use]
    pub fn start(url: &str, workers: u32, credit: u32) -> Self {
        let counts = Arc::new(Counts::default());
        let endpoint = endpoint::coordinator(url).expect("a URL");
        let mut sessions = JoinSet::new();
        for number in 0..workers {
            let mut computer = MadeUp { counts: Arc::clone(&counts), in_hand: None };
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
        Self { counts, sessions }
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
        self.counts.computed.load(Ordering::Relaxed)
    }

    /// When the first tile was begun.
    #[must_use]
    pub fn began(&self) -> Option<Instant> {
        *self.counts.began.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes no time to make its scores up.
#[derive(Debug)]
struct MadeUp {
    counts: Arc<Counts>,
    in_hand: Option<Job>,
}

impl Computer for MadeUp {
    fn begin(&mut self, job: Job) -> Result<(), ComputerGone> {
        if self.counts.computed.fetch_add(1, Ordering::Relaxed) == 0 {
            *self.counts.began.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        self.in_hand = Some(job);
        Ok(())
    }

    async fn finished(&mut self) -> Result<Finished, ComputerGone> {
        let Some(Job { lease, tile, context, .. }) = self.in_hand.take() else { return pending().await };
        let scores = made_up_scores(&tile, context.metrics.len());
        let work = WorkDone { multiply_adds: 1, ..WorkDone::default() };
        let outcome = Ok(Evaluation { scores, model: model(), notes: Vec::new(), work, loading: Duration::ZERO });
        let loaded = vec![LoadedModel { model: context.model.clone(), dtype: context.dtype }];
        Ok(Finished { lease, outcome, cache: CacheStats::default(), loaded, busy: Duration::from_micros(1) })
    }

    fn vitals(&self) -> Vitals {
        Vitals::default()
    }

    /// Whatever is in hand is finished already.
    fn cancel(&mut self, _: &Lease) {}
}
