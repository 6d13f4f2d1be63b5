//! A person in the simulated world, who does not give up.

use std::future::Future;
use std::time::Duration;

use patchsweep_core::results::SweepResults;
use patchsweep_proto::chunk::{Joiner, MAX_TOTAL_BYTES};
use patchsweep_proto::v1::client_service_client::ClientServiceClient;
use patchsweep_proto::v1::{
    FetchResultsRequest, GetSweepRequest, ResumeSweepRequest, Submission, SubmitSweepRequest, SweepState,
};
use patchsweep_proto::wire::decode_results;
use prost::Message;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::net;

/// How long one attempt at a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

type Rpc = ClientServiceClient<Channel>;

/// Submits a sweep, resumes it whenever it ends partially, and fetches its results once it is done.
///
/// # Errors
/// When the coordinator refuses what it must not refuse.
pub(super) async fn sweep(submission: Submission) -> Result<SweepResults, Status> {
    let data = submission.encode_to_vec();
    let id = insist(async |mut rpc: Rpc| {
        let chunk = SubmitSweepRequest { data: data.clone() };
        Ok(rpc.submit_sweep(tokio_stream::iter([chunk])).await?.into_inner().sweep_id)
    })
    .await?;
    tracing::info!(sweep = id, "submitted");
    loop {
        let sweep_id = id.clone();
        let status = insist(async |mut rpc: Rpc| {
            Ok(rpc.get_sweep(GetSweepRequest { sweep_id: sweep_id.clone() }).await?.into_inner())
        })
        .await?;
        match status.state() {
            SweepState::Running => tokio::time::sleep(Duration::from_secs(1)).await,
            SweepState::Done => break,
            SweepState::Partial | SweepState::Failed => {
                tracing::info!(sweep = id, state = status.state().as_str_name(), reason = status.reason, "resuming");
                let resumed = insist(async |mut rpc: Rpc| {
                    Ok(rpc.resume_sweep(ResumeSweepRequest { sweep_id: sweep_id.clone() }).await?.into_inner())
                });
                match resumed.await {
                    // The answer to an earlier attempt was lost.
                    Err(status) if status.code() == Code::FailedPrecondition => {}
                    resumed => drop(resumed?),
                }
            }
            other => return Err(Status::internal(format!("nobody made it {other:?}"))),
        }
    }
    insist(async |mut rpc: Rpc| {
        let mut chunks =
            rpc.fetch_results(FetchResultsRequest { sweep_id: id.clone(), partial: false }).await?.into_inner();
        let mut joiner = Joiner::new(MAX_TOTAL_BYTES);
        while let Some(chunk) = chunks.next().await {
            joiner.push(&chunk?.data).map_err(|error| Status::internal(error.to_string()))?;
        }
        decode_results(&joiner.finish()).map_err(|error| Status::internal(error.to_string()))
    })
    .await
}

/// Repeats a request, each time over a new connection, until it is answered or refused for good.
async fn insist<T, F>(mut request: impl FnMut(Rpc) -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    loop {
        let attempt = async {
            let channel = net::dial().await.map_err(|error| Status::unavailable(error.to_string()))?;
            request(Rpc::new(channel).max_decoding_message_size(MAX_TOTAL_BYTES)).await
        };
        match tokio::time::timeout(PATIENCE, attempt).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(status)) if is_final(status.code()) => return Err(status),
            Ok(Err(_)) | Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

fn is_final(code: Code) -> bool {
    matches!(code, Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::Internal)
}
