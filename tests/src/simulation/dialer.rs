//! How a simulated worker reaches its coordinator.

use patchsweep_core::RootCause;
use patchsweep_link::dial::{Bearer, Connection};
use patchsweep_worker::session::{Dial, SessionError};

use super::net;

/// Dials over the simulated network.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedNetwork;

impl Dial for SimulatedNetwork {
    async fn dial(&mut self) -> Result<Connection, SessionError> {
        let unreachable = |error| SessionError::Unreachable { url: self.url(), source: Some(RootCause::of(&error)) };
        let channel = net::dial().await.map_err(unreachable)?;
        Ok(Connection::new(channel.into(), Bearer::default()))
    }

    fn url(&self) -> String {
        net::endpoint().uri().to_string()
    }
}
