//! How a worker reaches its coordinator.

use std::future::Future;

use tonic::transport::{Channel, Endpoint, Error};

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
