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
use patchsweep_serve::state::{Recovered, StateError, Store};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::CliError;
use super::gate::GateArgs;
use super::http::HttpArgs;
use super::output::{Output, Printer};

/// How often the state is looked at while another coordinator has it.
const LOOKS: Duration = Duration::from_millis(200);

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
    /// How long to wait for another coordinator with the same state to end, for instance 2m [default: not at all].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait_for_state: Option<Duration>,
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
    let opening = open_state(args.gate.state_directory()?, args.wait_for_state.unwrap_or_default());
    let (store, recovered) = tokio::select! {
        biased;
        signal = signals.next() => {
            tracing::info!("{signal}: leaving before the state was opened");
            return Ok(());
        }
        opened = opening => opened?,
    };
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

/// Waits while another coordinator has it: one that is about to end, or one of a machine that is gone, whose lock a file system
/// of several machines keeps for a while.
async fn open_state(folder: PathBuf, patience: Duration) -> Result<(Store, Recovered), StateError> {
    let deadline = Instant::now() + patience;
    let mut is_said = false;
    loop {
        match Store::open(&folder) {
            Err(StateError::Locked { path }) if Instant::now() < deadline => {
                if !is_said {
                    talk!("waiting for another coordinator to end, which uses {}", path.display());
                    is_said = true;
                }
                sleep(LOOKS).await;
            }
            opened => return opened,
        }
    }
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
