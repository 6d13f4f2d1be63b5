//! From arguments to a worker that is ready to dial.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use patchsweep_files::locate::ModelFolders;
use patchsweep_hub::{Hub, HubError};
use patchsweep_link::credentials::Role;
use patchsweep_link::dial::Dialer;
use patchsweep_process::health::Health;
use patchsweep_process::http::{HttpError, HttpServer};
use patchsweep_process::machine::{memory, name, threads};
use patchsweep_process::signals::Signals;
use patchsweep_process::{talk, telemetry};
use patchsweep_worker::models::ModelSource;
use patchsweep_worker::session::{EngineThread, SessionError, WorkerOptions, serve};
use patchsweep_worker::telemetry::{BUILD, INSTRUMENTS, MEMORY_BUDGET};
use patchsweep_worker::torch::{DeviceError, Devices, TorchEngine};

use crate::args::Args;
use crate::leaving::asked_to_leave;

/// Tiles that a worker holds: one in hand and one waiting, so that the engine never waits for the network.
const CREDIT: u32 = 2;

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Hub(#[from] HubError),
    #[error("cannot start")]
    Start(#[from] io::Error),
}

/// A worker with all that it needs.
pub(crate) struct Worker {
    options: WorkerOptions,
    engine: EngineThread,
    dialer: Dialer,
    signals: Signals,
    until_stdin_closes: bool,
    /// Open until the very end: probes see how the worker leaves.
    http: Option<HttpServer>,
}

impl Worker {
    pub(crate) async fn start(args: Args) -> Result<Self, StartError> {
        let signals = Signals::listen()?;
        let dialer = Dialer::patient(Role::Worker, args.coordinator, args.credentials);
        let health = Health::default();
        let http = open_http(args.http, health.clone()).await?;
        let devices = Devices::open(&args.device)?;
        let memory_budget = match args.memory_budget {
            Some(given) => given.0,
            None => default_budget(&devices, args.sharing)?,
        };
        MEMORY_BUDGET.set(&[], devices.total_of(memory_budget));
        let threads = args.threads.map_or_else(|| threads::per_worker(1), usize::from).max(1);
        tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
        let folders = ModelFolders::with_hub_cache(args.models);
        let models =
            if args.download { ModelSource::with_hub(folders, Hub::of_environment()?) } else { folders.into() };
        let engine = TorchEngine::new(devices, models, memory_budget);
        let engine = EngineThread::start(if args.time_operators { engine.timing_operators() } else { engine })?;
        let options = WorkerOptions {
            name: name::of_process(rand::random()),
            device: args.device,
            credit: CREDIT,
            grace: args.grace,
            leave_when_idle: args.leave_when_idle,
            seed: rand::random(),
            health,
        };
        let (name, device) = (&options.name, &options.device);
        tracing::info!(name, device, threads, memory_budget, "worker started");
        Ok(Self { options, engine, dialer, signals, until_stdin_closes: args.until_stdin_closes, http })
    }

    /// Works until it is asked to leave. The second value waits, within bounds, for the engine to end, and says whether it has.
    pub(crate) async fn work(self) -> (Result<(), SessionError>, impl Future<Output = bool>) {
        let Self { options, mut engine, mut dialer, signals, until_stdin_closes, http } = self;
        let grace: Duration = options.grace;
        let shutdown = asked_to_leave(signals, grace, until_stdin_closes);
        let outcome = serve(options, &mut engine, &mut dialer, shutdown).await;
        let ended = async {
            let ended = engine.stop().await;
            drop(http);
            ended
        };
        (outcome, ended)
    }
}

/// Says what everybody can read there.
async fn open_http(address: Option<SocketAddr>, health: Health) -> Result<Option<HttpServer>, HttpError> {
    let Some(address) = address else { return Ok(None) };
    let server = HttpServer::start(address, health, telemetry::install(&INSTRUMENTS)?).await?;
    BUILD.set(&[env!("CARGO_PKG_VERSION")], 1);
    talk!("health and metrics on http://{}, for everybody who can reach it", server.address());
    Ok(Some(server))
}

/// A tenth of what is free is left to others, on the device that has the least. Tasks of a Slurm step share the memory of their
/// machine; GPUs they have each their own.
fn default_budget(devices: &Devices, sharing: Option<u16>) -> Result<u64, DeviceError> {
    let free = devices.free_memory()?;
    let beside = || if devices.are_cpu() { threads::workers_beside() } else { 1 };
    Ok(memory::share_of(free) / sharing.map_or_else(beside, u64::from).max(1))
}
