//! `patchsweep serve`

use std::net::SocketAddr;
use std::path::PathBuf;

use patchsweep_proto::model::locate::ModelFolders;
use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use crate::server::{Coordinator, Offload, Service};
use crate::state::Store;

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "ADDR")]
    listen: SocketAddr,
    /// Folder that holds model folders (config.json and tokenizer.json); may be given several times.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    /// Folder that keeps sweeps and scores.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

pub(super) async fn serve(args: ServeArgs) -> Result<(), CliError> {
    let (store, recovered) = match &args.state {
        Some(folder) => Store::open(folder)?,
        None => Store::in_memory()?,
    };
    let coordinator = Coordinator::bind(args.listen).await?;
    let address = coordinator.address();
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "no encryption and no authentication yet: listen only on a network that you trust");
    }
    eprintln!("listening on http://{address}");
    let dialled =
        if address.ip().is_unspecified() { format!("THIS-MACHINE:{}", address.port()) } else { address.to_string() };
    eprintln!("start workers with: patchsweep-worker --coordinator http://{dialled} --models DIR");
    let folders = ModelFolders::with_hub_cache(args.models);
    let service = Service { folders, store, recovered, offload: Offload::Threads };
    Ok(coordinator.serve(service, asked_to_stop()).await?)
}

/// Completes at SIGTERM or SIGINT.
async fn asked_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("cannot listen for signals");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
