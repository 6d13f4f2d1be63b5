//! The serving coordinator as its web page sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use patchsweep_core::error_chain;
use patchsweep_core::events::LogEvent;
use patchsweep_core::ids::SweepId;
use patchsweep_core::status::SweepStatus;
use patchsweep_core::workers::WorkerStatus;

use super::handle::{Command, Handle};
use super::recent_log::RecentLog;
use super::results::ResultsDesk;
use super::rpc_errors::RequestError;
use crate::page::{PageSource, SoFar, SourceError};

/// What a web page may look at: a coordinator while it serves. Clones look at the same one.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    serving: Arc<Mutex<Option<Serving>>>,
}

#[derive(Clone, Debug)]
pub(super) struct Serving {
    pub(super) handle: Handle,
    pub(super) results: ResultsDesk,
    pub(super) events: RecentLog,
}

impl Watched {
    /// From now on this coordinator is looked at.
    pub(super) fn begin(&self, serving: Serving) {
        *self.lock() = Some(serving);
    }

    /// The coordinator ends, which it cannot while somebody may ask it.
    pub(super) fn end(&self) {
        *self.lock() = None;
    }

    fn serving(&self) -> Result<Serving, SourceError> {
        let not_serving = || SourceError::Unavailable("the coordinator is starting or ending".to_owned());
        self.lock().clone().ok_or_else(not_serving)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Serving>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PageSource for Watched {
    async fn sweeps(&self) -> Result<Vec<SweepStatus>, SourceError> {
        Ok(self.serving()?.handle.ask(|reply| Command::List { reply }).await?)
    }

    async fn sweep(&self, sweep: SweepId) -> Result<SweepStatus, SourceError> {
        let status = self.serving()?.handle.ask(|reply| Command::Watch { sweep, reply }).await?;
        let status = status.borrow().clone();
        Ok(status)
    }

    async fn results(&self, sweep: SweepId) -> Result<SoFar, SourceError> {
        let status = self.sweep(sweep).await?;
        let desk = self.serving()?.results;
        let results = desk.merged(status.clone()).await?;
        Ok(SoFar { status, results: Arc::new(results) })
    }

    async fn workers(&self) -> Result<Vec<WorkerStatus>, SourceError> {
        Ok(self.serving()?.handle.ask(|reply| Command::Workers { reply }).await?)
    }

    async fn events(&self) -> Result<Vec<LogEvent>, SourceError> {
        Ok(self.serving()?.events.list())
    }
}

impl From<RequestError> for SourceError {
    fn from(error: RequestError) -> Self {
        let text = error_chain(&error);
        match error {
            RequestError::UnknownSweep(_) => Self::NotFound(text),
            _ => Self::Unavailable(text),
        }
    }
}
