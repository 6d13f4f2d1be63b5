//! The shell around the pure core: sockets, time, the journal, and one task that owns all state.

mod actor;
mod checks;
mod choices;
mod client_service;
mod comparisons;
mod crew;
mod explanation;
mod gauges;
mod handle;
mod journal;
mod kept;
mod ledger;
mod model_files;
mod models;
mod offload;
mod outbound;
mod planning;
mod promises;
mod recent_log;
mod record;
mod results;
mod resumption;
mod rpc_errors;
mod sending;
mod shared;
mod spans;
mod submission;
mod watched;
mod worker_service;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use patchsweep_files::locate::ModelFolders;
use patchsweep_link::credentials::Role;
use patchsweep_process::rpc::CountRpcs;
use patchsweep_proto::v1::client_service_server::ClientServiceServer;
use patchsweep_proto::v1::worker_service_server::WorkerServiceServer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::Connected;

pub use offload::Offload;
pub use planning::{ModelFilesError, PlanningError, make_plan, read_model, require_weights};
pub use recent_log::RecentLog;
pub use watched::Watched;

use crate::gate::{self, Gate};
use crate::state::{Recovered, StateError, Store};
use crate::telemetry::count_rpc;
use actor::Actor;
use choices::Choices;
use client_service::ClientRpc;
use comparisons::Comparisons;
use handle::Handle;
use journal::Journal;
use outbound::Outbound;
use results::ResultsDesk;
use shared::SendShared;
use spans::Traces;
use watched::Serving;
use worker_service::WorkerRpc;

/// A worker sends a heartbeat at least this often.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long a stopping coordinator waits for the journal and for its clients.
const FAREWELL: Duration = Duration::from_secs(2);

/// Largest message that a client or worker may send; whatever may be larger travels in chunks.
const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// Requests at once on one connection: a worker has its session and a context or two.
const MAX_STREAMS: u32 = 64;

/// Largest frame of HTTP/2 that is taken; larger messages are cut into several.
const MAX_FRAME_BYTES: u32 = 16 << 10;

/// Largest headers of a request, tokens included.
const MAX_HEADER_BYTES: u32 = 8 << 10;

/// Why the coordinator cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not one of this machine's.
    #[error("cannot listen on {address}; choose another address with --listen")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Serving failed.
    #[error("the server failed")]
    Transport(#[from] tonic::transport::Error),
    /// State cannot be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What a coordinator serves.
#[derive(Debug)]
pub struct Service {
    /// Where models are looked up.
    pub folders: ModelFolders,
    /// Where everything is kept.
    pub store: Store,
    /// What was kept there before.
    pub recovered: Recovered,
    /// How long ended sweeps are kept; `None`: for ever.
    pub keep: Option<Duration>,
    /// Where long work runs.
    pub offload: Offload,
    /// Who gets in.
    pub gate: Gate,
    /// This process' warnings and errors.
    pub events: RecentLog,
    /// Who looks at it, beside its clients.
    pub watched: Watched,
}

/// A coordinator that listens, before it serves.
#[derive(Debug)]
pub struct Coordinator {
    listener: TcpListener,
    address: SocketAddr,
}

impl Coordinator {
    /// Takes an address; port 0 lets the system choose.
    pub async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let listen = async {
            let listener = TcpListener::bind(address).await?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = listen.await.map_err(|source| ServeError::Listen { address, source })?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes, and a bounded moment longer.
    pub async fn serve(self, service: Service, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let connections = gate::incoming(self.listener, service.gate.clone());
        serve_on(connections, service, shutdown).await
    }
}

/// Serves connections until `shutdown` completes, and a bounded moment longer. Of the gate it checks the requests; TLS and
/// limits on connections are the business of the code that accepts them.
pub async fn serve_on<IO>(
    connections: impl Stream<Item = io::Result<IO>>,
    service: Service,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError>
where
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let Service { folders, store, recovered, keep, offload, gate, events, watched } = service;
    let journal = Journal::start(store.clone(), offload)?;
    let traces = Traces::of(recovered.coordinator, recovered.epoch, offload);
    let outbound =
        Outbound::new(journal, Comparisons::start(store.clone(), offload), Choices::new(store.clone(), offload));
    let (handle, actor) = Actor::recover(recovered, keep, outbound, traces).start();
    let results = ResultsDesk::new(store.clone(), offload);
    watched.begin(Serving { handle: handle.clone(), results: results.clone(), events: events.clone() });
    let client = ClientRpc::new(handle.clone(), folders, store, results, events, offload);
    let served = serve_services(connections, &handle, client, &gate, shutdown).await;
    watched.end();
    drop(handle);
    served?;
    if tokio::time::timeout(FAREWELL, actor).await.is_err() {
        tracing::warn!("ending with requests under way");
    }
    Ok(())
}

async fn serve_services<IO>(
    connections: impl Stream<Item = io::Result<IO>>,
    handle: &Handle,
    client: ClientRpc,
    gate: &Gate,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError>
where
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let client = ClientServiceServer::new(client).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let worker = WorkerServiceServer::new(WorkerRpc::new(handle.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = Server::builder()
        .http2_keepalive_interval(Some(HEARTBEAT))
        .http2_keepalive_timeout(Some(HEARTBEAT))
        .max_concurrent_streams(MAX_STREAMS)
        .max_frame_size(MAX_FRAME_BYTES)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .layer(CountRpcs(count_rpc))
        .layer(SendShared)
        .trace_fn(|request| spans::request(request.headers(), request.uri().path()))
        .add_service(InterceptedService::new(client, gate.guard(Role::Client)))
        .add_service(InterceptedService::new(worker, gate.guard(Role::Worker)))
        .serve_with_incoming_shutdown(connections, async {
            let _ = stopped.await;
        });
    tokio::pin!(server);
    tokio::select! {
        ended = server.as_mut() => return Ok(ended?),
        () = shutdown => {}
    }
    tracing::info!("shutting down");
    // Neither clients that keep their connection open nor a disk that is full must keep the coordinator alive.
    let farewell = tokio::time::timeout(FAREWELL, async {
        handle.close().await;
        let _ = stop.send(());
        server.await
    });
    Ok(farewell.await.unwrap_or(Ok(()))?)
}
