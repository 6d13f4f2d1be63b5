//! Dialling the coordinator.

use std::time::Duration;

use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use tonic::transport::{Channel, Endpoint};

use super::SessionError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// A connection whose death is noticed within two keep-alive intervals.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<WorkerServiceClient<Channel>, SessionError> {
    let configured = endpoint
        .clone()
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true);
    let channel = configured.connect().await;
    let url = endpoint.uri().to_string();
    Ok(WorkerServiceClient::new(channel.map_err(|source| SessionError::Unreachable { url, source })?))
}
