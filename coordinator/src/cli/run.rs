//! `patchsweep run`: coordinator in this process, workers as child processes, gRPC over loopback between them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use patchsweep_process::talk::warn;
use patchsweep_process::{talk, trace};
use patchsweep_proto::credentials::Role;
use patchsweep_proto::dial::Dialer;
use patchsweep_proto::endpoint;
use patchsweep_proto::ids::SweepId;
use patchsweep_proto::model::locate::ModelFolders;
use patchsweep_proto::results::SweepResults;
use patchsweep_proto::status::{Priority, SweepState, SweepStatus};
use tokio::sync::oneshot;

use super::CliError;
use super::check::check_run;
use super::children::{WorkerArgs, Workers};
use super::output::{OutputFormat, Printer};
use super::progress;
use super::results::{OutArgs, Written};
use super::submission::{Submission, TileArgs};
use super::top::Top;
use crate::check::CheckReport;
use crate::client::{self, Client, ClientError, Submitted};
use crate::gate::Gate;
use crate::server::{Coordinator, Offload, RecentEvents, Service, Watched};
use crate::state::Store;

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// The spec, a TOML file.
    spec: PathBuf,
    #[command(flatten)]
    out: OutArgs,
    /// Number of worker processes on this machine.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: u16,
    /// Where the workers compute: cpu or cuda:N.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,
    /// CPU threads of each worker [default: all cores, shared out].
    #[arg(long, value_name = "N")]
    threads: Option<u16>,
    /// Folder that holds model folders, before the spec's own; may be given several times.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    tiles: TileArgs,
    /// Compute a random sample of the cells again at the end, by plain forward passes, and write into the manifest whether
    /// they agree.
    #[arg(long)]
    check: bool,
}

/// Strongest cells printed per grid and iteration.
const TOP: usize = 5;

pub(super) async fn run(args: RunArgs, events: RecentEvents, printer: Printer) -> Result<(), CliError> {
    args.out.check()?;
    let submission = Submission::read(&args.spec)?;
    let models = submission.model_roots(args.models.clone());
    let folders = ModelFolders::with_hub_cache(models.clone());
    let coordinator = Coordinator::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = coordinator.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let (store, recovered) = Store::in_memory()?;
    let watched = Watched::default();
    let service = Service { folders, store, recovered, offload: Offload::Threads, gate: Gate::open(), events, watched };
    let serving = tokio::spawn(coordinator.serve(service, async {
        let _ = stopped.await;
    }));
    let workers = WorkerArgs { count: args.workers.into(), device: args.device.clone(), models, threads: args.threads };
    let sweep = tokio::select! {
        results = sweep(&args, submission, address, &workers) => results,
        _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted),
    };
    let _ = stop.send(());
    let served = serving.await;
    let Outcome { status, results, check } = sweep?;
    let files = args.out.write(&results)?;
    if let Ok(served) = served {
        served?;
    }
    let with_heads = results.grids.iter().any(has_heads);
    let top = Top::of(&results, TOP, |grid| has_heads(grid) || !with_heads);
    match printer.format() {
        OutputFormat::Table => printer.print(&top)?,
        OutputFormat::Json | OutputFormat::Quiet => {
            printer.print(&Written { status: &status, files: &files })?;
            printer.add(&top);
        }
    }
    if let Some(check) = check {
        talk!("{}", check.summary());
        printer.add(&check);
        check.agreement()?;
    }
    // The coordinator ends with this command, so there is nothing to resume.
    progress::outcome(&status, false)
}

fn has_heads(grid: &patchsweep_proto::results::GridScores) -> bool {
    grid.axes.iter().any(|axis| axis == "head")
}

struct Outcome {
    status: SweepStatus,
    results: SweepResults,
    check: Option<CheckReport>,
}

/// Submits first, so that a bad spec is refused before any worker starts.
async fn sweep(
    args: &RunArgs,
    submission: Submission,
    address: SocketAddr,
    worker_args: &WorkerArgs,
) -> Result<Outcome, CliError> {
    let url = format!("http://{address}");
    let endpoint = endpoint::coordinator(&url);
    let endpoint = endpoint.map_err(|error| ClientError::Unreachable { url, reason: error.to_string() })?;
    let dialer = Dialer::new(Role::Client, Some(endpoint), None).map_err(ClientError::from)?;
    let mut client = Client::connect(dialer.with_trace(trace::of_process())).await?;
    let submission = client::Submission {
        spec: submission.source.text().to_owned(),
        dataset: submission.dataset,
        options: args.tiles.options(),
        always_new: true,
        priority: Priority::default(),
    };
    let submitted = client.submit(submission).await;
    let Submitted { sweep, warnings, .. } = submitted.map_err(|error| CliError::refused_spec(&args.spec, error))?;
    warn(&warnings);
    let watch = client.watch(&sweep).await?;
    let mut workers = Workers::start(address, worker_args)?;
    let status = tokio::select! {
        followed = progress::follow(watch, &sweep.0) => followed?,
        how = workers.all_ended() => return Err(CliError::WorkersEnded { how }),
    };
    if matches!(status.state, SweepState::Failed { .. } | SweepState::Cancelled) {
        progress::outcome(&status, false)?;
    }
    let outcome = tokio::select! {
        outcome = outcome(&mut client, &sweep, status, args.check) => outcome,
        how = workers.all_ended() => Err(CliError::WorkersEnded { how }),
    };
    workers.stop().await;
    outcome
}

/// Fetches the results and, where that is asked for, checks them.
async fn outcome(
    client: &mut Client,
    sweep: &SweepId,
    status: SweepStatus,
    with_check: bool,
) -> Result<Outcome, CliError> {
    let mut results = client.results(sweep).await?;
    let check = if with_check { Some(check_run(client, sweep, &mut results).await?) } else { None };
    Ok(Outcome { status, results, check })
}
