//! How a worker reaches its coordinator.

use std::future::Future;

use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use tonic::transport::{Channel, Endpoint};

use super::SessionError;

/// What requests are made with.
pub(super) type Client = WorkerServiceClient<Channel>;

/// Makes connections to the coordinator.
pub trait Dial: Send {
    /// A new connection. An error that is not permanent is tried again.
    fn dial(&mut self) -> impl Future<Output = Result<Channel, SessionError>> + Send;

    /// The coordinator's address, for people.
    fn url(&self) -> String;
}

/// Over the network; see [`patchsweep_proto::endpoint::coordinator`].
impl Dial for Endpoint {
    async fn dial(&mut self) -> Result<Channel, SessionError> {
        let unreachable = |source| SessionError::Unreachable { url: self.url(), source: Some(source) };
        self.connect().await.map_err(unreachable)
    }

    fn url(&self) -> String {
        self.uri().to_string()
    }
}
