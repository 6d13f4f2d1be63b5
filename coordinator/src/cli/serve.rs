//! `patchsweep serve`

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use patchsweep_files::locate::ModelFolders;
use patchsweep_process::duration::duration;
use patchsweep_process::health::Health;
use patchsweep_process::signals::Signals;
use patchsweep_process::talk;
use patchsweep_serve::server::{Coordinator, Offload, RecentLog, Service, Watched};
use patchsweep_serve::state::Store;
use schemars::JsonSchema;
use serde::Serialize;

use super::CliError;
use super::gate::GateArgs;
use super::http::HttpArgs;
use super::output::{Output, Printer};

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "ADDR")]
    listen: SocketAddr,
    /// Folder that holds model folders (config.json and the tokenizer's files); may be given several times.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    /// Forget sweeps by themselves when they ended so long ago, for instance 30d or 12h [default: keep them for ever].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    keep: Option<Duration>,
    #[command(flatten)]
    gate: GateArgs,
    #[command(flatten)]
    http: HttpArgs,
}

pub(super) async fn serve(args: ServeArgs, events: RecentLog, printer: Printer) -> Result<(), CliError> {
    args.gate.refuse_bare(args.listen)?;
    let mut signals = Signals::listen().map_err(CliError::Signals)?;
    let health = Health::waiting_for("opening the state");
    // Until the very end: probes see how the coordinator leaves.
    let http = args.http.open(health.clone()).await?;
    // First of all: another coordinator that serves from this directory keeps everything that is in it.
    let (store, recovered) = Store::open(&args.gate.state_directory()?)?;
    let coordinator = Coordinator::bind(args.listen).await?;
    let opened = args.gate.open(coordinator.address())?;
    let [worker, client] = opened.flags.each_ref().map(|flag| flag.join(" "));
    talk!("listening on {}", opened.url);
    talk!("start workers with: patchsweep-worker {worker} --models DIR");
    talk!("submit sweeps with: patchsweep submit SPEC {client}");
    printer.print(&Serving { url: &opened.url, flags: &opened.flags })?;
    printer.complete()?;
    let folders = ModelFolders::with_hub_cache(args.models);
    let watched = Watched::default();
    if let Some(http) = &http {
        args.http.mount_page(http, &watched);
    }
    let gate = opened.gate;
    let keep = args.keep;
    let service = Service { folders, store, recovered, keep, offload: Offload::Threads, gate, events, watched };
    let asked = async {
        health.set_ready();
        let signal = signals.next().await;
        health.set_unready("shutting down");
        tracing::info!("{signal}: shutting down; a second signal ends at once");
    };
    Ok(coordinator.serve(service, asked).await?)
}

/// Where a coordinator is; people have read it on stderr.
struct Serving<'a> {
    url: &'a str,
    /// For workers, and for clients.
    flags: &'a [[String; 2]; 2],
}

/// Printed once the coordinator listens, then nothing more.
#[derive(Serialize, JsonSchema)]
pub(super) struct ServeFields {
    /// Where it listens.
    url: String,
    /// What workers are started with: a flag and its value.
    worker_flags: [String; 2],
    /// What clients are started with: a flag and its value.
    client_flags: [String; 2],
}

impl Output for Serving<'_> {
    type Fields = ServeFields;

    fn table(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn fields(&self) -> ServeFields {
        let [worker_flags, client_flags] = self.flags.clone();
        ServeFields { url: self.url.to_owned(), worker_flags, client_flags }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.url)
    }
}
