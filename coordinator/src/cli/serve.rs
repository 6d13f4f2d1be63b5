//! `patchsweep serve`

use std::net::SocketAddr;
use std::path::PathBuf;

use patchsweep_proto::model::locate::ModelFolders;
use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use super::gate::{GateArgs, Opened};
use crate::server::Coordinator;

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "ADDR")]
    listen: SocketAddr,
    /// Folder that holds model folders (config.json and tokenizer.json); may be given several times.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    gate: GateArgs,
}

pub(super) async fn serve(args: ServeArgs) -> Result<(), CliError> {
    args.gate.check(args.listen)?;
    let coordinator = Coordinator::bind(args.listen, ModelFolders::with_hub_cache(args.models)).await?;
    let Opened { gate, url, flags: [worker, client] } = args.gate.open(coordinator.address())?;
    eprintln!("listening on {url}");
    eprintln!("start workers with: patchsweep-worker {worker} --models DIR");
    eprintln!("submit sweeps with: patchsweep submit SPEC {client}");
    let coordinator = coordinator.behind(gate);
    Ok(coordinator.serve(asked_to_stop()).await?)
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
