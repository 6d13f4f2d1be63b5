//! The router, asked without a network and about a made-up coordinator.

mod bounds;
mod recent;
mod requests;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use patchsweep_core::events::LogEvent;
use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId, TileId, WorkerId};
use patchsweep_core::results::SweepResults;
use patchsweep_core::scores::{CacheStats, MemoryUse};
use patchsweep_core::status::{SweepState, SweepStatus};
use patchsweep_core::workers::{InHand, WorkerState, WorkerStatus};
use patchsweep_results::fixtures::example;
use serde_json::Value;
use tower::ServiceExt;

use super::source::{PageSource, SoFar, SourceError};
use crate::fixtures::status;

/// More than any answer may have.
const MOST_BYTES: usize = 4 << 20;

/// A coordinator with a sweep `s` that runs, one worker and one warning.
#[derive(Debug)]
struct Fake {
    sweeps: Mutex<Vec<SweepStatus>>,
    results: Arc<SweepResults>,
    workers: Vec<WorkerStatus>,
    events: Vec<LogEvent>,
    merges: AtomicUsize,
    /// How long a merge takes.
    takes: Duration,
    is_closing: bool,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            sweeps: Mutex::new(vec![status(SweepState::Running)]),
            results: Arc::new(example()),
            workers: vec![worker(1)],
            events: vec![warning("a tile failed")],
            merges: AtomicUsize::new(0),
            takes: Duration::ZERO,
            is_closing: false,
        }
    }
}

impl Fake {
    fn with(results: SweepResults) -> Self {
        Self { results: Arc::new(results), ..Self::default() }
    }

    fn sweeps(&self) -> MutexGuard<'_, Vec<SweepStatus>> {
        self.sweeps.lock().expect("no test panicked")
    }

    fn open(&self) -> Result<(), SourceError> {
        if self.is_closing { Err(SourceError::Unavailable("the coordinator is shutting down".into())) } else { Ok(()) }
    }
}

impl PageSource for Fake {
    async fn sweeps(&self) -> Result<Vec<SweepStatus>, SourceError> {
        self.open()?;
        Ok(self.sweeps().clone())
    }

    async fn sweep(&self, sweep: SweepId) -> Result<SweepStatus, SourceError> {
        self.open()?;
        let found = self.sweeps().iter().find(|status| status.sweep == sweep).cloned();
        found.ok_or_else(|| SourceError::NotFound(format!("no sweep `{sweep}`")))
    }

    async fn results(&self, sweep: SweepId) -> Result<SoFar, SourceError> {
        self.merges.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.takes).await;
        Ok(SoFar { status: self.sweep(sweep).await?, results: Arc::clone(&self.results) })
    }

    async fn workers(&self) -> Result<Vec<WorkerStatus>, SourceError> {
        self.open()?;
        Ok(self.workers.clone())
    }

    async fn events(&self) -> Result<Vec<LogEvent>, SourceError> {
        self.open()?;
        Ok(self.events.clone())
    }
}

fn worker(id: u64) -> WorkerStatus {
    let lease = Lease { epoch: Epoch(1), sweep: SweepId("s".into()), tile: TileId(2), attempt: Attempt(2) };
    WorkerStatus {
        worker: WorkerId(id),
        name: format!("node-{id}"),
        device: "cuda:0".into(),
        state: WorkerState::Active,
        leases: vec![lease.clone()],
        tiles_done: 3,
        multiply_adds_per_second: None,
        silent: Duration::from_millis(1500),
        version: "0.1.0".into(),
        cache: CacheStats { hits: 3, misses: 1, ..CacheStats::default() },
        memory: MemoryUse { used: 5, budget: 8 },
        hand: Some(InHand {
            lease,
            grid: "z".into(),
            iteration: "Iteration 0".into(),
            since: Duration::from_secs(4),
            retries: 1,
        }),
        loaded: Vec::new(),
    }
}

fn warning(text: &str) -> LogEvent {
    LogEvent {
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        level: "warn".into(),
        sweep: "s".into(),
        worker: "node-1".into(),
        text: text.into(),
    }
}

fn router(fake: Fake) -> Router {
    super::router(fake)
}

async fn ask(router: &Router, method: &str, path: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    router.clone().oneshot(request).await.expect("infallible")
}

/// Status and JSON of an answer, which must be of a bounded size.
async fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    let response = ask(router, "GET", path).await;
    let status = response.status();
    let body = to_bytes(response.into_body(), MOST_BYTES).await.expect("a bounded body");
    (status, serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{path}: {error}")))
}
