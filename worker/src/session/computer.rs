//! What computes, as the session sees it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::ids::Lease;
use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::CacheStats;
use patchsweep_core::tile::Tile;
use tracing::Span;

use crate::engine::{EngineError, Evaluation};
use crate::gauge::Vitals;

/// Computes one job at a time, beside the session. [`super::EngineThread`] does it on a thread; a simulation may let time
/// pass instead.
pub trait Computer: Send {
    /// Starts a job; only while none is in hand.
    fn begin(&mut self, job: Job) -> Result<(), ComputerGone>;

    /// The job in hand, when it is finished; waits for ever when none is. Cancel-safe.
    fn finished(&mut self) -> impl Future<Output = Result<Finished, ComputerGone>> + Send;

    /// What computing takes now.
    fn vitals(&self) -> Vitals;

    /// Asks to end the job in hand soon, with [`EngineError::Cancelled`]; nothing when another or none is in hand.
    fn cancel(&mut self, lease: &Lease);
}

/// A granted tile.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it is reported under.
    pub lease: Lease,
    /// What to compute.
    pub tile: Tile,
    /// Of the tile's sweep.
    pub context: Arc<SweepContext>,
    /// The model that the sweep's scores are of, where there are any.
    pub model: Option<Digest>,
    /// Names sweep, tile, attempt and worker in every line of the log.
    pub span: Span,
}

/// What became of a job.
#[derive(Debug)]
pub struct Finished {
    /// As in the job.
    pub lease: Lease,
    /// Its scores.
    pub outcome: Result<Evaluation, EngineError>,
    /// What the cache of activations did so far.
    pub cache: CacheStats,
    /// Models in memory now; the one that was used last is the last.
    pub loaded: Vec<LoadedModel>,
    /// How long it took.
    pub busy: Duration,
}

/// Nobody computes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine's thread has ended")]
pub struct ComputerGone;
