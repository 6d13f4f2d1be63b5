//! `patchsweep-worker`: computes tiles for a coordinator. One process per GPU.

#![forbid(unsafe_code)]

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use bytesize::ByteSize;
use clap::Parser;
use patchsweep_proto::credentials::Role;
use patchsweep_proto::dial::Dialer;
use patchsweep_proto::model::locate::ModelFolders;
use patchsweep_worker::gpt2::{DeviceError, Gpt2Engine, free_memory, open_device};
use patchsweep_worker::session::{SessionError, WorkerOptions, serve};
use tch::Device;
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::Endpoint;
use tracing_subscriber::EnvFilter;

/// Bad command line, device, coordinator address or credentials file.
const USAGE: u8 = 2;

/// The coordinator lets nobody in like this.
const REJECTED: u8 = 5;

/// Computes tiles of activation-patching sweeps for a coordinator.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Address of the coordinator, for instance https://head-node:7070 [default: that in the credentials file].
    #[arg(long, env = "PATCHSWEEP_COORDINATOR", value_parser = patchsweep_proto::endpoint::coordinator)]
    #[arg(value_name = "URL", required_unless_present = "credentials")]
    coordinator: Option<Endpoint>,
    /// File worker.credentials from the coordinator's state directory: address, CA and token.
    #[arg(long, env = "PATCHSWEEP_CREDENTIALS", value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Where to compute: cpu or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Folder that holds model folders; may be given several times, first match wins.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    /// CPU threads for arithmetic [default: all cores].
    #[arg(long)]
    threads: Option<u16>,
    /// Most memory on the device for weights, cached activations and work [default: nine tenths of what is free].
    #[arg(long, value_name = "BYTES")]
    memory_budget: Option<ByteSize>,
    /// Workers that share the device's memory; each takes its part of the default budget.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    sharing: u16,
    /// Format of the log on stderr; its level is set by PATCHSWEEP_LOG.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Stop when standard input closes, as it does when the parent process ends.
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Tiles that a worker holds: one in hand and one waiting, so that the engine never waits for the network.
const CREDIT: u32 = 2;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> ExitCode {
    let args = Args::parse();
    start_logging(args.log_format);
    let dialer = match Dialer::new(Role::Worker, args.coordinator, args.credentials) {
        Ok(dialer) => dialer,
        Err(error) => {
            eprintln!("error: {}", patchsweep_proto::error_chain(&error));
            return ExitCode::from(USAGE);
        }
    };
    let device = match open_device(&args.device) {
        Ok(device) => device,
        Err(error) => {
            eprintln!("error: {}", patchsweep_proto::error_chain(&error));
            return ExitCode::from(USAGE);
        }
    };
    let memory_budget =
        match args.memory_budget.map_or_else(|| default_budget(device, args.sharing), |given| Ok(given.0)) {
            Ok(budget) => budget,
            Err(error) => {
                eprintln!("error: {}", patchsweep_proto::error_chain(&error));
                return ExitCode::from(USAGE);
            }
        };
    if let Some(threads) = args.threads {
        tch::set_num_threads(threads.max(1).into());
    }
    let folders = ModelFolders::with_hub_cache(args.models);
    let engine = Gpt2Engine::new(device, folders, memory_budget);
    let options = WorkerOptions {
        coordinator: dialer,
        name: format!("{}:{}", hostname(), std::process::id()),
        device: args.device,
        credit: CREDIT,
    };
    match serve(options, engine, asked_to_stop(args.until_stdin_closes)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", patchsweep_proto::error_chain(&error));
            match error {
                SessionError::Rejected(_) => ExitCode::from(REJECTED),
                SessionError::Credentials(_) => ExitCode::from(USAGE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// A tenth of what is free is left to others.
fn default_budget(device: Device, sharing: u16) -> Result<u64, DeviceError> {
    let free = free_memory(device)?;
    Ok((free - free / 10) / u64::from(sharing.max(1)))
}

fn start_logging(format: LogFormat) {
    let level = EnvFilter::try_from_env("PATCHSWEEP_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "worker".to_owned() } else { name.trim().to_owned() }
}

/// Completes at SIGTERM or SIGINT, and with `until_stdin_closes` at the end of standard input.
async fn asked_to_stop(until_stdin_closes: bool) {
    let stdin_closed = async {
        if until_stdin_closes {
            stdin_closes().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let signalled = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot listen for a signal");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = signalled(SignalKind::terminate()) => tracing::info!("SIGTERM: handing leases back"),
        () = signalled(SignalKind::interrupt()) => tracing::info!("SIGINT: handing leases back"),
        () = stdin_closed => {}
    }
}

/// A read of standard input cannot be interrupted, so it has a thread of its own that nobody waits for.
async fn stdin_closes() {
    let (closed, notified) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = notified.await;
}
