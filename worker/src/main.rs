//! `patchsweep-worker`: computes tiles for a coordinator. One process per GPU.

#![forbid(unsafe_code)]

mod signals;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Parser;
use jiff::SignedDuration;
use patchsweep_proto::credentials::Role;
use patchsweep_proto::dial::Dialer;
use patchsweep_proto::model::locate::ModelFolders;
use patchsweep_worker::gpt2::{DeviceError, Gpt2Engine, free_memory, open_device};
use patchsweep_worker::session::{EngineThread, SessionError, WorkerOptions, serve};
use signals::Signals;
use tch::Device;
use tonic::transport::Endpoint;
use tracing_subscriber::EnvFilter;

/// Bad command line, device, coordinator address or credentials file.
const USAGE: u8 = 2;

/// Anything that cannot be mended by trying again, but for what has a code of its own.
const FAILED: u8 = 1;

/// The coordinator lets nobody in like this, or will never take this worker.
const REFUSED: u8 = 5;

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
    /// How long the tile in hand may take when the worker is asked to leave, for instance 25s or 2m.
    #[arg(long, default_value = "25s", value_parser = duration, value_name = "TIME")]
    grace: Duration,
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
    let mut dialer = match Dialer::new(Role::Worker, args.coordinator, args.credentials) {
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
    let started = Signals::listen().and_then(|signals| {
        let engine = Gpt2Engine::new(device, folders, memory_budget);
        Ok((signals, EngineThread::start(engine)?))
    });
    let (signals, mut engine) = match started {
        Ok(started) => started,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let options = WorkerOptions {
        name: format!("{}:{}", hostname(), std::process::id()),
        device: args.device,
        credit: CREDIT,
        grace: args.grace,
        seed: rand::random(),
    };
    let shutdown = signals.asked_to_leave(args.grace, args.until_stdin_closes);
    let code = match serve(options, &mut engine, &mut dialer, shutdown).await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {}", patchsweep_proto::error_chain(&error));
            match error {
                SessionError::Rejected(_) | SessionError::Refused { .. } => REFUSED,
                SessionError::Credentials(_) => USAGE,
                _ => FAILED,
            }
        }
    };
    if !engine.stop().await {
        tracing::warn!("the tile in hand does not end; leaving it");
        signal_hook::low_level::exit(code.into());
    }
    ExitCode::from(code)
}

/// As people write it, for instance 25s or 1m 30s.
fn duration(text: &str) -> Result<Duration, jiff::Error> {
    text.parse::<SignedDuration>()?.try_into()
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
