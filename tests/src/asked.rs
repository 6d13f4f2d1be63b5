//! What a client asks of a coordinator in this process.

use patchsweep_proto::chunk::{Joiner, MAX_TOTAL_BYTES};
use patchsweep_proto::v1::client_service_client::ClientServiceClient;
use patchsweep_proto::v1::{FetchResultsRequest, GetSweepRequest, SweepStatus, WatchSweepRequest};
use tokio_stream::StreamExt;
use tonic::transport::Channel;

use crate::scripted::within;

/// A client's connection.
pub type Client = ClientServiceClient<Channel>;

/// How a sweep is now.
///
/// # Panics
/// When there is no such sweep.
pub async fn status(client: &mut Client, sweep_id: &str) -> SweepStatus {
    let request = GetSweepRequest { sweep_id: sweep_id.to_owned() };
    client.get_sweep(request).await.expect("it is known").into_inner()
}

/// Waits for a status, within bounds.
///
/// # Panics
/// When it does not come.
pub async fn wait_for(client: &mut Client, sweep_id: &str, wanted: impl Fn(&SweepStatus) -> bool) -> SweepStatus {
    let request = WatchSweepRequest { sweep_id: sweep_id.to_owned() };
    let mut watch = client.watch_sweep(request).await.expect("it is known").into_inner();
    loop {
        let status = within("the status", watch.next()).await.expect("the sweep goes on").expect("a status");
        if wanted(&status) {
            return status;
        }
    }
}

/// The results of a sweep that is done, encoded.
///
/// # Panics
/// When there are none.
pub async fn fetch(client: &mut Client, sweep_id: &str) -> Vec<u8> {
    let request = FetchResultsRequest { sweep_id: sweep_id.to_owned(), partial: false };
    let mut chunks = client.fetch_results(request).await.expect("it is done").into_inner();
    let mut joiner = Joiner::new(MAX_TOTAL_BYTES);
    while let Some(chunk) = within("the results", chunks.next()).await {
        joiner.push(&chunk.expect("a chunk").data).expect("small");
    }
    joiner.finish()
}
