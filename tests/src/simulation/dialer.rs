//! How a simulated worker reaches its coordinator.

use patchsweep_proto::dial::{Bearer, Connection};
use patchsweep_worker::session::{Dial, SessionError};

use super::net;

/// Dials over the simulated network.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedNetwork;

impl Dial for SimulatedNetwork {
    async fn dial(&mut self) -> Result<Connection, SessionError> {
        let unreachable = |source| SessionError::Unreachable { url: self.url(), source: Some(source) };
        let channel = net::dial().await.map_err(unreachable)?;
        Ok(Connection::new(channel, Bearer::default()))
    }

    fn url(&self) -> String {
        net::endpoint().uri().to_string()
    }
}
