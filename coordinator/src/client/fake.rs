//! A coordinator for tests: it plays the answers that it is given, one after the other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use patchsweep_core::digest::Digest;
use patchsweep_core::status::SweepStatus;
use patchsweep_link::credentials::Role;
use patchsweep_link::dial::Dialer;
use patchsweep_link::endpoint;
use patchsweep_proto::v1;
use patchsweep_proto::v1::client_service_server::{ClientService, ClientServiceServer};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_stream::Stream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::Client;

/// What the next request gets.
#[derive(Debug)]
pub(super) enum Answer {
    /// A stream that ends behind these.
    Statuses(Vec<SweepStatus>),
    /// A stream that breaks behind these.
    Broken(Vec<SweepStatus>, Status),
    /// No answer but this.
    Refuse(Status),
    /// To a submission.
    Submitted(bool),
}

type Answers = Arc<Mutex<VecDeque<Answer>>>;

pub(super) struct Fake {
    address: SocketAddr,
    answers: Answers,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

impl Fake {
    pub(super) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), answers).await
    }

    pub(super) async fn start_at(address: SocketAddr, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answers: Answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        let service = ClientServiceServer::new(Service { answers: answers.clone() });
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let served = Server::builder().add_service(service);
        let served = served.serve_with_incoming_shutdown(TcpListenerStream::new(listener), stopped);
        let served = tokio::spawn(async { served.await.expect("it serves") });
        Self { address, answers, stop, served }
    }

    pub(super) async fn client(&self) -> Client {
        let endpoint = endpoint::coordinator(&format!("http://{}", self.address)).expect("an address");
        let dialer = Dialer::new(Role::Client, Some(endpoint), None).expect("no file is read");
        Client::connect(dialer).await.expect("it listens")
    }

    /// Answers that nobody has asked for.
    pub(super) fn left(&self) -> usize {
        self.answers.lock().expect("no panic").len()
    }

    /// Ends it with all its connections.
    pub(super) async fn stop(self) -> SocketAddr {
        drop(self.stop);
        self.served.await.expect("it ends");
        self.address
    }
}

struct Service {
    answers: Answers,
}

impl Service {
    fn next(&self) -> Answer {
        let next = self.answers.lock().expect("no panic").pop_front();
        next.unwrap_or_else(|| Answer::Refuse(Status::internal("no answer is left")))
    }
}

type Statuses = Pin<Box<dyn Stream<Item = Result<v1::SweepStatus, Status>> + Send>>;
type Chunks = Pin<Box<dyn Stream<Item = Result<v1::ResultsChunk, Status>> + Send>>;

#[tonic::async_trait]
impl ClientService for Service {
    type WatchSweepStream = Statuses;
    type FetchResultsStream = Chunks;

    async fn watch_sweep(&self, _: Request<v1::WatchSweepRequest>) -> Result<Response<Statuses>, Status> {
        let (statuses, end) = match self.next() {
            Answer::Statuses(statuses) => (statuses, None),
            Answer::Broken(statuses, error) => (statuses, Some(Err(error))),
            Answer::Refuse(error) => return Err(error),
            Answer::Submitted(_) => return Err(Status::internal("not a submission")),
        };
        let statuses: Vec<_> = statuses.iter().map(|status| Ok(status.into())).chain(end).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(statuses))))
    }

    async fn submit_sweep(
        &self,
        request: Request<Streaming<v1::SubmitSweepRequest>>,
    ) -> Result<Response<v1::SubmitSweepResponse>, Status> {
        let mut chunks = request.into_inner();
        while chunks.message().await?.is_some() {}
        match self.next() {
            Answer::Submitted(created) => {
                let (warnings, model_digest) = (vec!["a warning".to_owned()], Digest::of(b"model").0.to_vec());
                Ok(Response::new(v1::SubmitSweepResponse { sweep_id: "s".into(), created, warnings, model_digest }))
            }
            Answer::Refuse(error) => Err(error),
            other => Err(Status::internal(format!("{other:?} is no answer"))),
        }
    }

    async fn get_sweep(&self, _: Request<v1::GetSweepRequest>) -> Result<Response<v1::SweepStatus>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn list_sweeps(&self, _: Request<v1::ListSweepsRequest>) -> Result<Response<v1::ListSweepsResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn cancel_sweep(&self, _: Request<v1::CancelSweepRequest>) -> Result<Response<v1::SweepStatus>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn resume_sweep(&self, _: Request<v1::ResumeSweepRequest>) -> Result<Response<v1::SweepStatus>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn remove_sweep(
        &self,
        _: Request<v1::RemoveSweepRequest>,
    ) -> Result<Response<v1::RemoveSweepResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn fetch_results(&self, _: Request<v1::FetchResultsRequest>) -> Result<Response<Chunks>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn list_workers(
        &self,
        _: Request<v1::ListWorkersRequest>,
    ) -> Result<Response<v1::ListWorkersResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn explain_sweep(
        &self,
        _: Request<v1::ExplainSweepRequest>,
    ) -> Result<Response<v1::SweepExplanation>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn list_events(&self, _: Request<v1::ListEventsRequest>) -> Result<Response<v1::ListEventsResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn drain_worker(
        &self,
        _: Request<v1::DrainWorkerRequest>,
    ) -> Result<Response<v1::DrainWorkerResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
}
