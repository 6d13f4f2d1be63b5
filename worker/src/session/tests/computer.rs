//! A computer that does what a test says.

use std::time::Duration;

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::Lease;
use patchsweep_core::model::{Dtype, LoadedModel, ModelRef};
use patchsweep_core::scores::{CacheStats, CellScore, MemoryUse, TileScores, WorkDone};
use tokio::sync::mpsc;

use super::{lease, soon};
use crate::engine::{EngineError, Evaluation};
use crate::gauge::Vitals;
use crate::session::{Computer, ComputerGone, Finished, Job};

const ROOM: usize = 16;

/// What the computer says that it takes.
pub(super) const VITALS: Vitals = Vitals {
    cache: CacheStats { hits: 1, misses: 2, evictions: 3, bytes: 4, budget_bytes: 5 },
    memory: MemoryUse { used: 6, budget: 7 },
    memory_retries: 8,
    loaded: Vec::new(),
};

/// What of a tile's second goes into loading.
pub(super) const LOADING: Duration = Duration::from_millis(250);

/// What the computer has in memory.
pub(super) fn model() -> LoadedModel {
    LoadedModel { model: ModelRef::Folder("m".to_owned()), dtype: Dtype::Float32 }
}

/// The worker's side.
pub(super) struct Puppet {
    begun: mpsc::Sender<Job>,
    cancelled: mpsc::Sender<Lease>,
    finished: mpsc::Receiver<Finished>,
}

/// The test's side.
pub(super) struct Hand {
    begun: mpsc::Receiver<Job>,
    cancelled: mpsc::Receiver<Lease>,
    finished: mpsc::Sender<Finished>,
}

impl Computer for Puppet {
    fn begin(&mut self, job: Job) -> Result<(), ComputerGone> {
        self.begun.try_send(job).map_err(|_| ComputerGone)
    }

    async fn finished(&mut self) -> Result<Finished, ComputerGone> {
        self.finished.recv().await.ok_or(ComputerGone)
    }

    fn vitals(&self) -> Vitals {
        Vitals { loaded: vec![model()], ..VITALS }
    }

    fn cancel(&mut self, lease: &Lease) {
        let _ = self.cancelled.try_send(lease.clone());
    }
}

impl Hand {
    pub(super) fn with_computer() -> (Self, Puppet) {
        let (to_hand, begun) = mpsc::channel(ROOM);
        let (ask_hand, cancelled) = mpsc::channel(ROOM);
        let (to_worker, finished) = mpsc::channel(ROOM);
        (Self { begun, cancelled, finished: to_worker }, Puppet { begun: to_hand, cancelled: ask_hand, finished })
    }

    /// The lease that is computed next.
    pub(super) async fn begun(&mut self) -> Lease {
        soon(self.begun.recv()).await.expect("the worker lives").lease
    }

    pub(super) fn nothing_begun(&mut self) -> bool {
        self.begun.try_recv().is_err()
    }

    /// The lease whose end is asked for next.
    pub(super) async fn cancelled(&mut self) -> Lease {
        soon(self.cancelled.recv()).await.expect("the worker lives")
    }

    pub(super) fn nothing_cancelled(&mut self) -> bool {
        self.cancelled.try_recv().is_err()
    }

    /// Scores of which the tile's number is the mean.
    pub(super) async fn finish(&self, tile: u32) {
        let scores = vec![CellScore::of(&[tile_score(tile)], &[0.0])];
        let scores = TileScores { metrics: 1, scores, by_prompt: Vec::new() };
        let (notes, work, loading) = (Vec::new(), WorkDone::default(), LOADING);
        self.end(tile, Ok(Evaluation { scores, model: Digest([7; 32]), notes, work, loading })).await;
    }

    pub(super) async fn end(&self, tile: u32, outcome: Result<Evaluation, EngineError>) {
        let (cache, busy, loaded) = (CacheStats::default(), Duration::from_secs(1), vec![model()]);
        let finished = Finished { lease: lease(tile), outcome, cache, loaded, busy };
        self.finished.send(finished).await.expect("the worker lives");
    }
}

/// What the computer says of a tile.
pub(super) fn tile_score(tile: u32) -> f32 {
    f32::from(u8::try_from(tile).expect("few tiles")) + 0.5
}
