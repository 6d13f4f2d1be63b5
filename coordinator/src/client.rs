//! Talks to a coordinator as a client, in domain types.

mod error;
#[cfg(test)]
mod fake;
mod watch;

use patchsweep_core::check::CheckOf;
use patchsweep_core::digest::Digest;
use patchsweep_core::events::LogEvent;
use patchsweep_core::explain::SweepExplanation;
use patchsweep_core::ids::{SweepId, WorkerId};
use patchsweep_core::results::SweepResults;
use patchsweep_core::status::{PlanOptions, Priority, SweepStatus};
use patchsweep_core::workers::WorkerStatus;
use patchsweep_link::dial::{Connection, Dialer};
use patchsweep_proto::chunk::{self, Joiner, MAX_SUBMISSION_BYTES, MAX_TOTAL_BYTES, TooLarge};
use patchsweep_proto::v1;
use patchsweep_proto::v1::client_service_client::ClientServiceClient;
use patchsweep_proto::wire::{decode_results, digest_from_wire};
use prost::Message;
use tokio_stream::StreamExt;
use tonic::{Status, Streaming};

pub use error::ClientError;
pub use watch::{Update, Watch};

use watch::BackOff;

/// A connection to a coordinator.
#[derive(Clone, Debug)]
pub struct Client {
    dialer: Dialer,
    rpc: ClientServiceClient<Connection>,
}

/// What is submitted.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The TOML text.
    pub spec: String,
    /// Contents of the dataset that it names.
    pub dataset: String,
    /// How the work is cut.
    pub options: PlanOptions,
    /// Make a new sweep even of a plan that has been submitted before.
    pub always_new: bool,
    /// Its share of the workers.
    pub priority: Priority,
}

/// The sweep that a submission became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its name in commands.
    pub sweep: SweepId,
    /// False when the same plan had been submitted before, with the model as it is now.
    pub created: bool,
    /// Of one that had been: digest of the model that its scores so far are of; `None`: it has none.
    pub model: Option<Digest>,
    /// What a person should know before trusting the scores, one line each.
    pub warnings: Vec<String>,
}

impl Client {
    /// Connects.
    pub async fn connect(mut dialer: Dialer) -> Result<Self, ClientError> {
        let rpc = ClientServiceClient::new(dialer.dial().await?);
        tracing::debug!(url = dialer.url(), "connected to the coordinator");
        Ok(Self { dialer, rpc })
    }

    /// Connects anew, with what the credentials file holds by now.
    pub async fn reconnect(&mut self) -> Result<(), ClientError> {
        self.rpc = ClientServiceClient::new(self.dialer.dial().await?);
        Ok(())
    }

    /// Submits a sweep. The same plan is the same sweep, unless `always_new`.
    ///
    /// For the same reason a submission whose answer was lost is sent once more, unless `always_new`.
    pub async fn submit(&mut self, submission: Submission) -> Result<Submitted, ClientError> {
        let Submission { spec, dataset, options, always_new, priority } = submission;
        let priority = priority.get().into();
        let options = Some(options.into());
        let message = v1::Submission { spec, dataset, options, always_new, priority, check_of: None };
        let bytes = message.encode_to_vec();
        drop(message);
        if bytes.len() > MAX_SUBMISSION_BYTES {
            return Err(TooLarge::Total { limit: MAX_SUBMISSION_BYTES }.into());
        }
        let mut answer = self.send_submission(&bytes).await;
        if !always_new && matches!(answer, Err(ClientError::Unreachable { .. })) {
            tokio::time::sleep(BackOff::SHORTEST).await;
            answer = match self.reconnect().await {
                Ok(()) => self.send_submission(&bytes).await,
                Err(error) => Err(error),
            };
        }
        match answer {
            Ok(v1::SubmitSweepResponse { sweep_id, created, warnings, model_digest }) => {
                let model = (!model_digest.is_empty()).then(|| digest_from_wire(&model_digest)).transpose()?;
                Ok(Submitted { sweep: SweepId(sweep_id), created, model, warnings })
            }
            Err(ClientError::Unreachable { url, reason }) => Err(ClientError::AnswerLost { url, reason }),
            Err(refused) => Err(refused),
        }
    }

    /// Submits the check of a sweep that has results: a new sweep.
    pub async fn check(&mut self, check: &CheckOf) -> Result<SweepId, ClientError> {
        let message = v1::Submission { check_of: Some(check.into()), always_new: true, ..v1::Submission::default() };
        match self.send_submission(&message.encode_to_vec()).await {
            Ok(response) => Ok(SweepId(response.sweep_id)),
            Err(ClientError::Unreachable { url, reason }) => Err(ClientError::AnswerLost { url, reason }),
            Err(refused) => Err(refused),
        }
    }

    async fn send_submission(&mut self, bytes: &[u8]) -> Result<v1::SubmitSweepResponse, ClientError> {
        let chunks = tokio_stream::iter(chunk::split(bytes)).map(|data| v1::SubmitSweepRequest { data });
        let response = self.rpc.submit_sweep(chunks).await;
        Ok(response.map_err(|status| self.refused(&status))?.into_inner())
    }

    /// One sweep's status.
    pub async fn status(&mut self, sweep: &SweepId) -> Result<SweepStatus, ClientError> {
        let request = v1::GetSweepRequest { sweep_id: sweep.0.clone() };
        let status = self.rpc.get_sweep(request).await.map_err(|status| self.refused(&status))?;
        Ok(status.into_inner().try_into()?)
    }

    /// All sweeps, oldest first.
    pub async fn list(&mut self) -> Result<Vec<SweepStatus>, ClientError> {
        let listed = self.rpc.list_sweeps(v1::ListSweepsRequest {}).await.map_err(|status| self.refused(&status))?;
        let statuses = listed.into_inner().sweeps.into_iter().map(SweepStatus::try_from);
        Ok(statuses.collect::<Result<_, _>>()?)
    }

    /// Watches a sweep until it has ended, or the connection breaks.
    pub async fn watch(&self, sweep: &SweepId) -> Result<Watch, ClientError> {
        Watch::start(self.clone(), sweep.clone(), None).await
    }

    /// Watches a sweep until it has ended. When the connection breaks, it is made again after 0.5 to 15 seconds, as often
    /// as it takes; only a refusal, or that the coordinator does not know the sweep any more, is an error.
    pub async fn watch_patiently(&self, sweep: &SweepId) -> Result<Watch, ClientError> {
        Watch::start(self.clone(), sweep.clone(), Some(BackOff::default())).await
    }

    async fn open_watch(&mut self, sweep: &SweepId) -> Result<Streaming<v1::SweepStatus>, ClientError> {
        let request = v1::WatchSweepRequest { sweep_id: sweep.0.clone() };
        let stream = self.rpc.watch_sweep(request).await.map_err(|status| self.refused(&status))?;
        Ok(stream.into_inner())
    }

    /// Ends a sweep.
    pub async fn cancel(&mut self, sweep: &SweepId) -> Result<SweepStatus, ClientError> {
        let request = v1::CancelSweepRequest { sweep_id: sweep.0.clone() };
        let status = self.rpc.cancel_sweep(request).await.map_err(|status| self.refused(&status))?;
        Ok(status.into_inner().try_into()?)
    }

    /// Computes the tiles of an ended sweep that have no scores.
    pub async fn resume(&mut self, sweep: &SweepId) -> Result<SweepStatus, ClientError> {
        let request = v1::ResumeSweepRequest { sweep_id: sweep.0.clone() };
        let status = self.rpc.resume_sweep(request).await.map_err(|status| self.refused(&status))?;
        Ok(status.into_inner().try_into()?)
    }

    /// Forgets an ended sweep and its checks; gives how they stood, the sweep last.
    pub async fn remove(&mut self, sweep: &SweepId) -> Result<Vec<SweepStatus>, ClientError> {
        let request = v1::RemoveSweepRequest { sweep_id: sweep.0.clone() };
        let removed = self.rpc.remove_sweep(request).await.map_err(|status| self.refused(&status))?;
        let statuses = removed.into_inner().sweeps.into_iter().map(SweepStatus::try_from);
        Ok(statuses.collect::<Result<_, _>>()?)
    }

    /// A finished sweep's tensors.
    pub async fn results(&mut self, sweep: &SweepId) -> Result<SweepResults, ClientError> {
        self.fetch(sweep, false).await
    }

    /// What there is so far of a sweep in any state: cells that are not computed over all prompts have
    /// [`patchsweep_core::results::CellStatus::Pending`] and no numbers.
    pub async fn partial_results(&mut self, sweep: &SweepId) -> Result<SweepResults, ClientError> {
        self.fetch(sweep, true).await
    }

    async fn fetch(&mut self, sweep: &SweepId, partial: bool) -> Result<SweepResults, ClientError> {
        let request = v1::FetchResultsRequest { sweep_id: sweep.0.clone(), partial };
        let refused = |status: Status| ClientError::of(&self.dialer, &status);
        let mut chunks = self.rpc.fetch_results(request).await.map_err(refused)?.into_inner();
        let mut joiner = Joiner::new(MAX_TOTAL_BYTES);
        while let Some(chunk) = chunks.message().await.map_err(refused)? {
            joiner.push(&chunk.data)?;
        }
        Ok(decode_results(&joiner.finish())?)
    }

    /// Connected workers, oldest session first.
    pub async fn workers(&mut self) -> Result<Vec<WorkerStatus>, ClientError> {
        let listed = self.rpc.list_workers(v1::ListWorkersRequest {}).await.map_err(|status| self.refused(&status))?;
        let workers = listed.into_inner().workers.into_iter().map(WorkerStatus::try_from);
        Ok(workers.collect::<Result<_, _>>()?)
    }

    /// Where a sweep's work is, and one cell's where one is named: by grid, iteration and one index per axis, as
    /// `patchsweep explain --help` says.
    pub async fn explain(&mut self, sweep: &SweepId, cell: Vec<String>) -> Result<SweepExplanation, ClientError> {
        let request = v1::ExplainSweepRequest { sweep_id: sweep.0.clone(), cell };
        let explanation = self.rpc.explain_sweep(request).await.map_err(|status| self.refused(&status))?;
        Ok(explanation.into_inner().try_into()?)
    }

    /// The coordinator's last warnings and errors, oldest first.
    pub async fn events(&mut self) -> Result<Vec<LogEvent>, ClientError> {
        let listed = self.rpc.list_events(v1::ListEventsRequest {}).await.map_err(|status| self.refused(&status))?;
        let events = listed.into_inner().events.into_iter().map(LogEvent::try_from);
        Ok(events.collect::<Result<_, _>>()?)
    }

    /// Asks a worker to leave in order.
    pub async fn drain(&mut self, worker: WorkerId) -> Result<(), ClientError> {
        let request = v1::DrainWorkerRequest { worker_id: worker.0 };
        self.rpc.drain_worker(request).await.map_err(|status| self.refused(&status))?;
        Ok(())
    }

    fn refused(&self, status: &Status) -> ClientError {
        ClientError::of(&self.dialer, status)
    }

    fn lost(&self, reason: String) -> ClientError {
        ClientError::Unreachable { url: self.dialer.url(), reason }
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_link::refusal::Refusal;

    use super::fake::{Answer, Fake};
    use super::*;

    fn submission(always_new: bool) -> Submission {
        let (spec, dataset) = ("schema = 1".to_owned(), "a, b".to_owned());
        Submission { spec, dataset, options: PlanOptions::default(), always_new, priority: Priority::default() }
    }

    #[tokio::test]
    async fn a_submission_whose_answer_was_lost_is_sent_once_more() {
        let lost = || Answer::Refuse(Status::unavailable("gone"));
        let fake = Fake::start([lost(), Answer::Submitted(false)]).await;
        let answer = fake.client().await.submit(submission(false)).await.expect("the second time");
        let warnings = vec!["a warning".to_owned()];
        let model = Some(Digest::of(b"model"));
        assert_eq!(answer, Submitted { sweep: SweepId("s".into()), created: false, model, warnings });

        let fake = Fake::start([lost(), lost(), Answer::Submitted(false)]).await;
        let error = fake.client().await.submit(submission(false)).await.expect_err("lost twice");
        assert!(matches!(&error, ClientError::AnswerLost { reason, .. } if reason == "gone"));
        assert!(error.to_string().contains("`patchsweep list` shows whether the sweep is there"));
        assert_eq!(fake.left(), 1);
    }

    #[tokio::test]
    async fn a_new_sweep_is_never_submitted_twice() {
        let fake = Fake::start([Answer::Refuse(Status::unavailable("gone")), Answer::Submitted(true)]).await;
        let lost = fake.client().await.submit(submission(true)).await;
        assert!(matches!(lost, Err(ClientError::AnswerLost { .. })));
        assert_eq!(fake.left(), 1, "the second answer was not asked for");
    }

    #[tokio::test]
    async fn a_submission_that_is_refused_is_not_sent_again() {
        let fake = Fake::start([Answer::Refuse(Status::invalid_argument("line 3")), Answer::Submitted(true)]).await;
        let refused = fake.client().await.submit(submission(false)).await;
        assert!(matches!(refused, Err(ClientError::Refused(text)) if text == "line 3"));
        assert_eq!(fake.left(), 1);
    }

    #[tokio::test]
    async fn a_client_that_is_not_let_in_does_not_try_again() {
        let refusal = Refusal::UnknownToken.status("this token is unknown");
        let fake = Fake::start([Answer::Refuse(refusal), Answer::Submitted(true)]).await;
        let refused = fake.client().await.submit(submission(false)).await;
        assert!(matches!(refused, Err(ClientError::Rejected(_))));
        assert_eq!(fake.left(), 1);
    }
}
