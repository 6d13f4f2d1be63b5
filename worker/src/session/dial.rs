//! How a worker reaches its coordinator.

use std::future::Future;

use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use tonic::transport::{Channel, Endpoint, Error};

/// What requests are made with.
pub(super) type Client = WorkerServiceClient<Channel>;

/// Makes connections to the coordinator.
pub trait Dial: Send {
    /// A new connection.
    fn dial(&mut self) -> impl Future<Output = Result<Channel, Error>> + Send;

    /// The coordinator's address, for people.
    fn url(&self) -> String;
}

/// Over the network; see [`patchsweep_proto::endpoint::coordinator`].
impl Dial for Endpoint {
    async fn dial(&mut self) -> Result<Channel, Error> {
        self.connect().await
    }

    fn url(&self) -> String {
        self.uri().to_string()
    }
}
