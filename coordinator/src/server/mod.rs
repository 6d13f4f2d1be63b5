//! The shell around the pure core: sockets, time, and one task that owns all state.

mod actor;
mod client_service;
mod effects;
mod handle;
mod manifest;
mod planning;
mod record;
mod status;
mod worker_service;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use patchsweep_proto::credentials::Role;
use patchsweep_proto::model::locate::ModelFolders;
use patchsweep_proto::v1::client_service_server::ClientServiceServer;
use patchsweep_proto::v1::worker_service_server::WorkerServiceServer;
use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;

pub use planning::{ModelFilesError, PlanningError, make_plan};

use crate::gate::{self, Gate};
use client_service::ClientRpc;
use worker_service::WorkerRpc;

/// A worker sends a heartbeat at least this often.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long a stopping coordinator waits for its clients.
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
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Serving failed.
    #[error("the server failed")]
    Transport(#[from] tonic::transport::Error),
}

/// A coordinator that listens, before it serves.
#[derive(Debug)]
pub struct Coordinator {
    listener: TcpListener,
    address: SocketAddr,
    folders: ModelFolders,
    gate: Gate,
}

impl Coordinator {
    /// Takes an address; port 0 lets the system choose.
    pub async fn bind(address: SocketAddr, folders: ModelFolders) -> Result<Self, ServeError> {
        let listen = async {
            let listener = TcpListener::bind(address).await?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = listen.await.map_err(|source| ServeError::Listen { address, source })?;
        Ok(Self { listener, address, folders, gate: Gate::open() })
    }

    /// Lets in whom that gate lets in; without it everybody.
    #[must_use]
    pub fn behind(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes, and a bounded moment longer.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let handle = actor::start();
        let client = ClientServiceServer::new(ClientRpc::new(handle.clone(), self.folders))
            .max_decoding_message_size(MAX_MESSAGE_BYTES);
        let worker =
            WorkerServiceServer::new(WorkerRpc::new(handle.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let client = InterceptedService::new(client, self.gate.guard(Role::Client));
        let worker = InterceptedService::new(worker, self.gate.guard(Role::Worker));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = Server::builder()
            .http2_keepalive_interval(Some(HEARTBEAT))
            .http2_keepalive_timeout(Some(HEARTBEAT))
            .max_concurrent_streams(MAX_STREAMS)
            .max_frame_size(MAX_FRAME_BYTES)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .add_service(client)
            .add_service(worker)
            .serve_with_incoming_shutdown(gate::incoming(self.listener, self.gate), async {
                let _ = stopped.await;
            });
        tokio::pin!(server);
        tokio::select! {
            ended = server.as_mut() => return Ok(ended?),
            () = shutdown => {}
        }
        tracing::info!("shutting down");
        handle.close().await;
        let _ = stop.send(());
        // Clients that keep their connection open must not keep the coordinator alive.
        if let Ok(ended) = tokio::time::timeout(FAREWELL, server).await {
            ended?;
        }
        Ok(())
    }
}
