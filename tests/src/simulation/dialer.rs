//! How a simulated worker reaches its coordinator.

use patchsweep_worker::session::Dial;
use tonic::transport::{Channel, Error};

use super::net;

/// Dials over the simulated network.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedNetwork;

impl Dial for SimulatedNetwork {
    async fn dial(&mut self) -> Result<Channel, Error> {
        net::dial().await
    }

    fn url(&self) -> String {
        net::endpoint().uri().to_string()
    }
}
