//! Talks to a coordinator as a client, in domain types.

use patchsweep_proto::chunk::{self, Joiner, MAX_SUBMISSION_BYTES, MAX_TOTAL_BYTES, TooLarge};
use patchsweep_proto::credentials::CredentialsError;
use patchsweep_proto::dial::{Connection, DialError, Dialer, Rejected};
use patchsweep_proto::ids::SweepId;
use patchsweep_proto::results::SweepResults;
use patchsweep_proto::status::{PlanOptions, SweepStatus};
use patchsweep_proto::v1::client_service_client::ClientServiceClient;
use patchsweep_proto::v1::{
    CancelSweepRequest, FetchResultsRequest, GetSweepRequest, ListSweepsRequest, Submission, SubmitSweepRequest,
    WatchSweepRequest,
};
use patchsweep_proto::wire::{WireError, decode_results};
use prost::Message;
use tokio_stream::StreamExt;
use tonic::{Code, Status, Streaming};

/// Why a coordinator did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers, or the connection broke.
    #[error(
        "cannot reach the coordinator at {url} ({reason}); is `patchsweep serve` running there? Name another with --coordinator or PATCHSWEEP_COORDINATOR"
    )]
    Unreachable {
        /// Its address.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// It lets nobody in like this; trying again cannot help.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The credentials file cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The request is at fault.
    #[error("{0}")]
    Refused(String),
    /// The request is fine, but cannot be fulfilled.
    #[error("{0}")]
    Failed(String),
    /// It answered with something that its schema does not allow.
    #[error(transparent)]
    Invalid(#[from] WireError),
    /// More came than is taken.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// A connection to a coordinator.
#[derive(Clone, Debug)]
pub struct Client {
    dialer: Dialer,
    rpc: ClientServiceClient<Connection>,
}

/// A sweep's status as it changes.
#[derive(Debug)]
pub struct Watch {
    dialer: Dialer,
    stream: Streaming<patchsweep_proto::v1::SweepStatus>,
}

impl Client {
    /// Connects.
    pub async fn connect(mut dialer: Dialer) -> Result<Self, ClientError> {
        let connection = dialer.dial().await.map_err(|error| match error {
            DialError::Unreachable { url, source } => unreachable(url, &source),
            DialError::Rejected(rejected) => rejected.into(),
            DialError::Credentials(error) => error.into(),
        })?;
        Ok(Self { dialer, rpc: ClientServiceClient::new(connection) })
    }

    /// Submits a spec and the contents of its dataset. Whether the sweep is new comes with its id:
    /// the same plan is the same sweep, unless `always_new`.
    pub async fn submit(
        &mut self,
        spec: String,
        dataset: String,
        options: PlanOptions,
        always_new: bool,
    ) -> Result<(SweepId, bool), ClientError> {
        let submission = Submission { spec, dataset, options: Some(options.into()), always_new, priority: 0 };
        let bytes = submission.encode_to_vec();
        if bytes.len() > MAX_SUBMISSION_BYTES {
            return Err(TooLarge::Total { limit: MAX_SUBMISSION_BYTES }.into());
        }
        let chunks = tokio_stream::iter(chunk::split(&bytes)).map(|data| SubmitSweepRequest { data });
        let response =
            self.rpc.submit_sweep(chunks).await.map_err(|status| refused(&self.dialer, &status))?.into_inner();
        Ok((SweepId(response.sweep_id), response.created))
    }

    /// One sweep's status.
    pub async fn status(&mut self, sweep: &SweepId) -> Result<SweepStatus, ClientError> {
        let request = GetSweepRequest { sweep_id: sweep.0.clone() };
        let status = self.rpc.get_sweep(request).await.map_err(|status| refused(&self.dialer, &status))?;
        Ok(status.into_inner().try_into()?)
    }

    /// All sweeps, oldest first.
    pub async fn list(&mut self) -> Result<Vec<SweepStatus>, ClientError> {
        let listed =
            self.rpc.list_sweeps(ListSweepsRequest {}).await.map_err(|status| refused(&self.dialer, &status))?;
        let statuses = listed.into_inner().sweeps.into_iter().map(SweepStatus::try_from);
        Ok(statuses.collect::<Result<_, _>>()?)
    }

    /// Follows a sweep until it has ended.
    pub async fn watch(&mut self, sweep: &SweepId) -> Result<Watch, ClientError> {
        let request = WatchSweepRequest { sweep_id: sweep.0.clone() };
        let stream = self.rpc.watch_sweep(request).await.map_err(|status| refused(&self.dialer, &status))?;
        Ok(Watch { dialer: self.dialer.clone(), stream: stream.into_inner() })
    }

    /// Ends a sweep.
    pub async fn cancel(&mut self, sweep: &SweepId) -> Result<SweepStatus, ClientError> {
        let request = CancelSweepRequest { sweep_id: sweep.0.clone() };
        let status = self.rpc.cancel_sweep(request).await.map_err(|status| refused(&self.dialer, &status))?;
        Ok(status.into_inner().try_into()?)
    }

    /// A finished sweep's tensors.
    pub async fn results(&mut self, sweep: &SweepId) -> Result<SweepResults, ClientError> {
        let request = FetchResultsRequest { sweep_id: sweep.0.clone() };
        let refused = |status| refused(&self.dialer, &status);
        let mut chunks = self.rpc.fetch_results(request).await.map_err(refused)?.into_inner();
        let mut joiner = Joiner::new(MAX_TOTAL_BYTES);
        while let Some(chunk) = chunks.message().await.map_err(refused)? {
            joiner.push(&chunk.data)?;
        }
        Ok(decode_results(&joiner.finish())?)
    }
}

impl Watch {
    /// The next status; `None` after the final one.
    pub async fn next(&mut self) -> Result<Option<SweepStatus>, ClientError> {
        let status = self.stream.message().await.map_err(|status| refused(&self.dialer, &status))?;
        Ok(status.map(SweepStatus::try_from).transpose()?)
    }
}

/// A status with a cause is this side's: the connection broke. One without is the coordinator's answer.
fn refused(dialer: &Dialer, status: &Status) -> ClientError {
    if let Some(rejected) = dialer.refusal(status) {
        return rejected.into();
    }
    let broken = std::error::Error::source(status).is_some();
    if broken || status.code() == Code::Unavailable {
        return unreachable(dialer.url(), status);
    }
    let text = status.message().to_owned();
    if status.code() == Code::InvalidArgument { ClientError::Refused(text) } else { ClientError::Failed(text) }
}

fn unreachable(url: String, error: &dyn std::error::Error) -> ClientError {
    let mut innermost = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        innermost = error.to_string();
        source = error.source();
    }
    ClientError::Unreachable { url, reason: innermost }
}
