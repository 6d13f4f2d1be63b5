//! How a simulated worker reaches its coordinator.

use patchsweep_worker::session::{Dial, SessionError};
use tonic::transport::Channel;

use super::net;

/// Dials over the simulated network.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedNetwork;

impl Dial for SimulatedNetwork {
    async fn dial(&mut self) -> Result<Channel, SessionError> {
        net::dial().await.map_err(|source| SessionError::Unreachable { url: self.url(), source: Some(source) })
    }

    fn url(&self) -> String {
        net::endpoint().uri().to_string()
    }
}
