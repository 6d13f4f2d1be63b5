//! The client service: submit, look, cancel, fetch, remove.

use std::collections::BTreeMap;
use std::pin::Pin;

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{SweepId, WorkerId};
use patchsweep_core::status::{PlanOptions, SweepState, only_gpus};
use patchsweep_files::locate::ModelFolders;
use patchsweep_plan::spec::Source;
use patchsweep_proto::chunk::{Joiner, MAX_SUBMISSION_BYTES};
use patchsweep_proto::v1::client_service_server::ClientService;
use patchsweep_proto::v1::{self, SweepStatus};
use patchsweep_proto::wire::{WireError, encode_context, priority_from_wire};
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::checks::plan_check;
use super::explanation::explain_kept;
use super::handle::{Command, Handle, NewSweep};
use super::offload::Offload;
use super::planning::plan_with_files;
use super::recent_log::RecentLog;
use super::results::ResultsDesk;
use super::resumption::resume;
use super::rpc_errors::RequestError;
use super::spans;
use super::submission::{Found, submit};
use crate::state::Store;

type ChunkStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[derive(Debug)]
pub(super) struct ClientRpc {
    handle: Handle,
    folders: ModelFolders,
    store: Store,
    results: ResultsDesk,
    events: RecentLog,
    offload: Offload,
}

impl ClientRpc {
    pub(super) fn new(
        handle: Handle,
        folders: ModelFolders,
        store: Store,
        results: ResultsDesk,
        events: RecentLog,
        offload: Offload,
    ) -> Self {
        Self { handle, folders, store, results, events, offload }
    }

    /// Whether there are workers, and none that computes on a CPU.
    async fn are_gpus_only(&self) -> Result<bool, RequestError> {
        let workers = self.handle.ask(|reply| Command::Workers { reply }).await?;
        Ok(!workers.is_empty() && workers.iter().all(|worker| only_gpus(&worker.device)))
    }
}

#[tonic::async_trait]
impl ClientService for ClientRpc {
    type WatchSweepStream = ChunkStream<SweepStatus>;
    type FetchResultsStream = ChunkStream<v1::ResultsChunk>;

    async fn submit_sweep(
        &self,
        request: Request<Streaming<v1::SubmitSweepRequest>>,
    ) -> Result<Response<v1::SubmitSweepResponse>, Status> {
        let trace = spans::of_request(request.metadata());
        let request = receive_submission(request.into_inner()).await?;
        let priority = priority_from_wire(request.priority, "Submission").map_err(RequestError::from)?;
        let folders = self.folders.clone();
        let (always_new, store) = (request.always_new, self.store.clone());
        let dataset = Digest::of(request.dataset.as_bytes());
        let for_gpus = self.are_gpus_only().await?;
        // Tokenizing a large dataset takes a moment; other requests go on meanwhile.
        let planned = self.offload.run("planning", move || {
            if let Some(check) = request.check_of {
                return plan_check(&store, check.try_into()?, priority);
            }
            let options = request.options.map(PlanOptions::from).unwrap_or_default();
            let options = PlanOptions { for_gpus: options.for_gpus || for_gpus, ..options };
            let (plan, files) = plan_with_files(&folders, &Source::new(request.spec), &request.dataset, options)?;
            Ok::<_, RequestError>(NewSweep {
                context: encode_context(&plan.context).into(),
                plan,
                dataset,
                priority,
                always_new,
                model: None,
                files: Some(files),
                computed_by: BTreeMap::new(),
                trace: None,
            })
        });
        let planned = planned.await.map_err(RequestError::from)??;
        let mut warnings = planned.plan.warnings.clone();
        let Found { id, created, model, warning } =
            submit(&self.handle, self.offload, NewSweep { trace, ..planned }).await?;
        warnings.extend(warning);
        let model_digest = model.map_or_else(Vec::new, |digest| digest.0.to_vec());
        Ok(Response::new(v1::SubmitSweepResponse { sweep_id: id.0, created, warnings, model_digest }))
    }

    async fn get_sweep(&self, request: Request<v1::GetSweepRequest>) -> Result<Response<SweepStatus>, Status> {
        let status = self.watch(request.into_inner().sweep_id).await?;
        let status = SweepStatus::from(&*status.borrow());
        Ok(Response::new(status))
    }

    async fn list_sweeps(&self, _: Request<v1::ListSweepsRequest>) -> Result<Response<v1::ListSweepsResponse>, Status> {
        let statuses = self.handle.ask(|reply| Command::List { reply }).await?;
        let sweeps = statuses.iter().map(SweepStatus::from).collect();
        Ok(Response::new(v1::ListSweepsResponse { sweeps }))
    }

    async fn watch_sweep(
        &self,
        request: Request<v1::WatchSweepRequest>,
    ) -> Result<Response<Self::WatchSweepStream>, Status> {
        let status = self.watch(request.into_inner().sweep_id).await?;
        Ok(Response::new(Box::pin(until_final(status))))
    }

    async fn cancel_sweep(&self, request: Request<v1::CancelSweepRequest>) -> Result<Response<SweepStatus>, Status> {
        let sweep = SweepId(request.into_inner().sweep_id);
        let status = self.handle.ask(|reply| Command::Cancel { sweep, reply }).await?;
        Ok(Response::new((&status).into()))
    }

    async fn resume_sweep(&self, request: Request<v1::ResumeSweepRequest>) -> Result<Response<SweepStatus>, Status> {
        let sweep = SweepId(request.into_inner().sweep_id);
        let status = resume(&self.handle, &self.store, self.offload, sweep).await?;
        Ok(Response::new((&status).into()))
    }

    async fn remove_sweep(
        &self,
        request: Request<v1::RemoveSweepRequest>,
    ) -> Result<Response<v1::RemoveSweepResponse>, Status> {
        let sweep = SweepId(request.into_inner().sweep_id);
        let removed = self.handle.ask(|reply| Command::Remove { sweep, reply }).await?;
        Ok(Response::new(v1::RemoveSweepResponse { sweeps: removed.iter().map(Into::into).collect() }))
    }

    async fn list_workers(
        &self,
        _: Request<v1::ListWorkersRequest>,
    ) -> Result<Response<v1::ListWorkersResponse>, Status> {
        let statuses = self.handle.ask(|reply| Command::Workers { reply }).await?;
        Ok(Response::new(v1::ListWorkersResponse { workers: statuses.iter().map(Into::into).collect() }))
    }

    async fn drain_worker(
        &self,
        request: Request<v1::DrainWorkerRequest>,
    ) -> Result<Response<v1::DrainWorkerResponse>, Status> {
        let worker = WorkerId(request.into_inner().worker_id);
        self.handle.ask(|reply| Command::Drain { worker, reply }).await?;
        Ok(Response::new(v1::DrainWorkerResponse {}))
    }

    async fn explain_sweep(
        &self,
        request: Request<v1::ExplainSweepRequest>,
    ) -> Result<Response<v1::SweepExplanation>, Status> {
        let v1::ExplainSweepRequest { sweep_id, cell } = request.into_inner();
        let situated = self.handle.ask(|reply| Command::Explain { sweep: SweepId(sweep_id), reply }).await?;
        let store = self.store.clone();
        let explained = self.offload.run("explaining", move || explain_kept(&store, *situated, &cell)).await;
        Ok(Response::new((&explained.map_err(RequestError::from)??).into()))
    }

    async fn list_events(&self, _: Request<v1::ListEventsRequest>) -> Result<Response<v1::ListEventsResponse>, Status> {
        let events = self.events.list().iter().map(Into::into).collect();
        Ok(Response::new(v1::ListEventsResponse { events }))
    }

    async fn fetch_results(
        &self,
        request: Request<v1::FetchResultsRequest>,
    ) -> Result<Response<Self::FetchResultsStream>, Status> {
        let v1::FetchResultsRequest { sweep_id, partial } = request.into_inner();
        let status = self.watch(sweep_id).await?.borrow().clone();
        if !partial && !matches!(status.state, SweepState::Done | SweepState::Partial { .. }) {
            return Err(RequestError::NoResults { sweep: status.sweep, state: status.state.name() }.into());
        }
        let sweep = status.sweep.clone();
        let trace = self.handle.ask(|reply| Command::Trace { sweep: sweep.clone(), reply }).await?;
        let results = self.results.fetch(status, spans::merging(&sweep, trace)).await?;
        Ok(Response::new(Box::pin(results)))
    }
}

impl ClientRpc {
    async fn watch(
        &self,
        sweep: String,
    ) -> Result<watch::Receiver<patchsweep_core::status::SweepStatus>, RequestError> {
        self.handle.ask(|reply| Command::Watch { sweep: SweepId(sweep), reply }).await
    }
}

async fn receive_submission(mut chunks: Streaming<v1::SubmitSweepRequest>) -> Result<v1::Submission, Status> {
    let mut joiner = Joiner::new(MAX_SUBMISSION_BYTES);
    while let Some(chunk) = chunks.message().await? {
        joiner.push(&chunk.data).map_err(RequestError::from)?;
    }
    let undecodable = |_| RequestError::from(WireError::Undecodable { message: "Submission" });
    Ok(v1::Submission::decode(joiner.finish().as_slice()).map_err(undecodable)?)
}

/// The status now and after each change, the final one last.
fn until_final(
    status: watch::Receiver<patchsweep_core::status::SweepStatus>,
) -> impl Stream<Item = Result<SweepStatus, Status>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(forward(status, sender).in_current_span());
    ReceiverStream::new(receiver)
}

/// Ends after the final status, or when the client has gone.
async fn forward(
    mut status: watch::Receiver<patchsweep_core::status::SweepStatus>,
    sender: mpsc::Sender<Result<SweepStatus, Status>>,
) {
    loop {
        let current = status.borrow_and_update().clone();
        if sender.send(Ok((&current).into())).await.is_err() || current.state.is_final() {
            return;
        }
        tokio::select! {
            changed = status.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
    }
}
