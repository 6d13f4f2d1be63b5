//! The HTTP port: `/healthz`, `/readyz`, `/metrics`, and pages that a program adds.
//!
//! There is no TLS and no authentication. One request a connection, all within bounds of size and time; when there are too
//! many connections the oldest one ends, so that clients that keep theirs open shut nobody out.

mod connections;
mod routes;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use metrics_exporter_prometheus::{BuildError, PrometheusHandle};
use patchsweep_core::Whole;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::health::Health;
use routes::Pages;

/// Why there is no HTTP port.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is taken, or not one of this machine's.
    #[error("cannot listen on {address} for HTTP; choose another address with --http")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There are metrics already.
    #[error("cannot record metrics")]
    Metrics(#[source] Whole<BuildError>),
}

impl From<BuildError> for HttpError {
    fn from(error: BuildError) -> Self {
        Self::Metrics(Whole(error))
    }
}

/// An open HTTP port; closed with all its connections when dropped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    pages: Pages,
    serving: JoinHandle<()>,
}

impl HttpServer {
    /// Opens it; port 0 lets the system choose.
    pub async fn start(address: SocketAddr, health: Health, metrics: PrometheusHandle) -> Result<Self, HttpError> {
        let listen = async {
            let listener = TcpListener::bind(address).await?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = listen.await.map_err(|source| HttpError::Listen { address, source })?;
        let pages = Pages::default();
        let router = routes::router(health, metrics.clone(), pages.clone());
        let serving = tokio::spawn(async move {
            tokio::select! {
                () = connections::serve(listener, router) => {}
                () = crate::telemetry::upkeep(metrics) => {}
            }
        });
        Ok(Self { address, pages, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves these pages too from now on; the first ones count.
    pub fn mount(&self, pages: Router) {
        self.pages.mount(pages);
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[cfg(test)]
mod tests;
