//! The HTTP port of `patchsweep serve`.

use std::net::SocketAddr;

use patchsweep_process::health::Health;
use patchsweep_process::http::{HttpError, HttpServer};
use patchsweep_process::talk;
use patchsweep_process::telemetry;
use patchsweep_serve::page::{self, only_local_names};
use patchsweep_serve::server::Watched;
use patchsweep_serve::telemetry::INSTRUMENTS;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub(super) struct HttpArgs {
    /// Serve /healthz, /readyz and /metrics over HTTP here, without TLS or tokens; on a loopback address the web page too.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Show the web page there also where the address is not a loopback one: everybody who can reach it sees all sweeps.
    #[arg(long, requires = "http")]
    http_page: bool,
}

impl HttpArgs {
    /// Opens the port, if there is to be one, and says what everybody can read there.
    pub(super) async fn open(&self, health: Health) -> Result<Option<HttpServer>, HttpError> {
        let Some(address) = self.http else { return Ok(None) };
        let server = HttpServer::start(address, health, telemetry::install(&INSTRUMENTS)?).await?;
        let address = server.address();
        talk!("health and metrics on http://{address}, for everybody who can reach it");
        Ok(Some(server))
    }

    /// The web page, where only people of this machine can see it, or everybody is meant to.
    pub(super) fn mount_page(&self, server: &HttpServer, watched: &Watched) {
        let address = server.address();
        let page = page::router(watched.clone());
        if self.http_page {
            server.mount(page);
        } else if address.ip().is_loopback() {
            server.mount(only_local_names(page));
        } else {
            return;
        }
        talk!("web page on http://{address}/");
    }
}
