//! The serving coordinator as its web page sees it.

use std::sync::{Arc, OnceLock};

use patchsweep_proto::error_chain;
use patchsweep_proto::events::LogEvent;
use patchsweep_proto::ids::SweepId;
use patchsweep_proto::status::SweepStatus;
use patchsweep_proto::workers::WorkerStatus;

use super::events::RecentEvents;
use super::handle::{Command, Handle};
use super::results::ResultsDesk;
use super::status::RequestError;
use crate::page::{PageSource, SoFar, SourceError};

/// What a web page may look at: a coordinator, from the moment at which it serves. Clones look at the same one.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    serving: Arc<OnceLock<Serving>>,
}

#[derive(Debug)]
pub(super) struct Serving {
    pub(super) handle: Handle,
    pub(super) results: ResultsDesk,
    pub(super) events: RecentEvents,
}

impl Watched {
    /// From now on this coordinator is looked at; a second one is not.
    pub(super) fn begin(&self, serving: Serving) {
        let _ = self.serving.set(serving);
    }

    fn serving(&self) -> Result<&Serving, SourceError> {
        self.serving.get().ok_or_else(|| SourceError::Unavailable("the coordinator is starting".to_owned()))
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
        let results = self.serving()?.results.merged(status.clone()).await?;
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
