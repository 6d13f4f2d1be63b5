//! How a worker reaches its coordinator.

use std::future::Future;

use patchsweep_link::dial::{Connection, DialError, Dialer, Rejected};
use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use tonic::Status;

use super::SessionError;

/// What requests are made with.
pub(super) type Client = WorkerServiceClient<Connection>;

/// Makes connections to the coordinator.
pub trait Dial: Send {
    /// A new connection. An error that is not permanent is tried again.
    fn dial(&mut self) -> impl Future<Output = Result<Connection, SessionError>> + Send;

    /// The coordinator's address, for people.
    fn url(&self) -> String;

    /// Whether an answer, or the end of a connection, means that nobody is let in like this.
    fn refusal(&self, _status: &Status) -> Option<Rejected> {
        None
    }
}

/// Over the network, with TLS and a token where there are credentials.
impl Dial for Dialer {
    async fn dial(&mut self) -> Result<Connection, SessionError> {
        Ok(Self::dial(self).await?)
    }

    fn url(&self) -> String {
        Self::url(self)
    }

    fn refusal(&self, status: &Status) -> Option<Rejected> {
        Self::refusal(self, status)
    }
}

impl From<DialError> for SessionError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Unreachable { url, source } => Self::Unreachable { url, source: Some(source) },
            DialError::Rejected(rejected) => rejected.into(),
            DialError::Credentials(error) => error.into(),
        }
    }
}
