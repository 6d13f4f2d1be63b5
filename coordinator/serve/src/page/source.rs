//! Where the page's contents come from.

use std::future::Future;
use std::sync::Arc;

use patchsweep_core::events::LogEvent;
use patchsweep_core::ids::SweepId;
use patchsweep_core::results::SweepResults;
use patchsweep_core::status::SweepStatus;
use patchsweep_core::workers::WorkerStatus;

/// Why there is nothing to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is no such sweep.
    #[error("{0}")]
    NotFound(String),
    /// The coordinator cannot answer now.
    #[error("{0}")]
    Unavailable(String),
}

/// What is known of a sweep's scores, and as of when.
#[derive(Clone, Debug)]
pub struct SoFar {
    /// The sweep when its scores were put together.
    pub status: SweepStatus,
    /// Scores, with pending cells where they are not computed yet.
    pub results: Arc<SweepResults>,
}

/// A coordinator as the page sees it. Nothing here changes anything.
pub trait PageSource: Send + Sync + 'static {
    /// All sweeps, oldest first.
    fn sweeps(&self) -> impl Future<Output = Result<Vec<SweepStatus>, SourceError>> + Send;

    /// One sweep.
    fn sweep(&self, sweep: SweepId) -> impl Future<Output = Result<SweepStatus, SourceError>> + Send;

    /// A sweep's scores so far. Putting them together takes time and memory in proportion to the sweep.
    fn results(&self, sweep: SweepId) -> impl Future<Output = Result<SoFar, SourceError>> + Send;

    /// Connected workers.
    fn workers(&self) -> impl Future<Output = Result<Vec<WorkerStatus>, SourceError>> + Send;

    /// Recent warnings, oldest first.
    fn events(&self) -> impl Future<Output = Result<Vec<LogEvent>, SourceError>> + Send;
}
