//! `patchsweep run`: coordinator in this process, workers as child processes, gRPC over loopback between them. What is
//! computed stands on disk, so that a run that was ended goes on.

use std::future::pending;
use std::iter::repeat_n;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use patchsweep_core::error_chain;
use patchsweep_core::ids::SweepId;
use patchsweep_core::results::SweepResults;
use patchsweep_core::status::{PlanOptions, Priority, SweepState, SweepStatus, only_gpus};
use patchsweep_files::locate::ModelFolders;
use patchsweep_link::credentials::Role;
use patchsweep_link::dial::Dialer;
use patchsweep_link::endpoint;
use patchsweep_process::parent;
use patchsweep_process::signals::Signals;
use patchsweep_process::talk::warn;
use patchsweep_process::{talk, trace};
use patchsweep_results::Analysed;
use patchsweep_serve::check::CheckReport;
use patchsweep_serve::gate::Gate;
use patchsweep_serve::server::{Coordinator, Offload, RecentLog, Service, Watched, require_weights};
use tokio::sync::oneshot;

use super::CliError;
use super::check::{agreement, check_run, summary};
use super::children::{WorkerArgs, Workers};
use super::model::download;
use super::output::{OutputFormat, Printer};
use super::progress;
use super::results::{OutArgs, Written, not_finite};
use super::submission::{Submission, TileArgs};
use super::top::Top;
use super::unfinished::{Reached, Unfinished};
use crate::client::{self, Client, ClientError, Submitted};

// Each is a flag of its own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// The spec, a TOML file.
    spec: PathBuf,
    #[command(flatten)]
    out: OutArgs,
    /// Number of worker processes, with several `--device` on each.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: u16,
    /// Where a worker computes: cpu or cuda:N, or several with commas between them, which share out the model's layers. Given
    /// several times, each has workers of its own, which share out the tiles.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: Vec<String>,
    /// CPU threads of each worker [default: the cores that this process may use, shared out].
    #[arg(long, value_name = "N")]
    threads: Option<u16>,
    /// Folder that holds model folders, before the spec's own; may be given several times.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    /// Fetch the model from the Hugging Face hub first, where the spec names a repository that is not whole in the local cache.
    #[arg(long)]
    download: bool,
    #[command(flatten)]
    tiles: TileArgs,
    /// Begin anew. Otherwise a run goes on where an earlier one of the same spec into the same folder was ended.
    #[arg(long)]
    new: bool,
    /// Compute a random sample of the cells again at the end, by plain forward passes, and write into the manifest whether
    /// they agree.
    #[arg(long)]
    check: bool,
    /// For a program that reads along: stop when standard input closes, and say every second how far it is.
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

/// Strongest cells printed per grid and iteration.
const TOP: usize = 5;

/// Between two lines on progress for a program.
const LINE_FOR_PROGRAM_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(args: RunArgs, events: RecentLog, printer: Printer) -> Result<(), CliError> {
    args.out.refuse_folder()?;
    let submission = Submission::read(&args.spec)?;
    let models = submission.model_roots(args.models.clone());
    let folders = ModelFolders::with_hub_cache(models.clone());
    // Until signals are listened for, they end it at once.
    if args.download {
        download(&folders, &submission)?;
    }
    let mut signals = Signals::listen().map_err(CliError::Signals)?;
    require_weights(&folders, &submission.source)
        .map_err(|source| CliError::Planning { path: args.spec.clone(), source: source.into() })?;
    let coordinator = Coordinator::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = coordinator.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let (unfinished, store, recovered) = Unfinished::open(&args.out.out, args.new)?;
    let watched = Watched::default();
    let (offload, gate) = (Offload::Threads, Gate::open());
    let service = Service { folders, store, recovered, keep: None, offload, gate, events, watched };
    let serving = tokio::spawn(coordinator.serve(service, async {
        let _ = stopped.await;
    }));
    let devices = args.device.iter().flat_map(|device| repeat_n(device.clone(), args.workers.into())).collect();
    let workers = WorkerArgs { devices, models, threads: args.threads };
    let mut crew = None;
    let sweep = tokio::select! {
        // Signals may reach the workers too, whose end is then no failure.
        biased;
        signal = signals.next() => Err(signal.into()),
        () = parent_gone(args.until_stdin_closes) => Err(CliError::ParentGone),
        results = sweep(&args, submission, address, &workers, &mut crew) => results,
    };
    if let Some(crew) = crew {
        crew.stop().await;
    }
    let _ = stop.send(());
    let served = serving.await;
    let Outcome { status, results, check } = match sweep {
        Ok(outcome) => outcome,
        Err(error) => {
            unfinished.close(Reached::Nothing);
            return Err(error);
        }
    };
    let analysed = Analysed::of(&results).map_err(CliError::from);
    let written = analysed.and_then(|analysed| Ok((args.out.write(&analysed)?, analysed)));
    unfinished.close(match &written {
        Ok(_) if status.state == SweepState::Done && !matches!(check, Some(Err(_))) => Reached::Whole,
        Ok(_) => Reached::Partial,
        Err(_) => Reached::Nothing,
    });
    let (files, analysed) = written?;
    if let Ok(served) = served {
        served?;
    }
    let with_units = results.grids.iter().any(has_units);
    let top = Top::of(&analysed, TOP, |grid| has_units(grid) || !with_units);
    match printer.format() {
        OutputFormat::Table => printer.print(&top)?,
        OutputFormat::Json | OutputFormat::Quiet => {
            printer.print(&Written { status: &status, files: &files })?;
            printer.add(&top);
        }
    }
    // The coordinator ends with this command, so `resume` and `submit` find nothing.
    let of_sweep = progress::outcome(&status, false).and_then(|()| not_finite(&status.sweep.0, &results));
    match check {
        None => of_sweep,
        Some(Ok(report)) => {
            talk!("{}", summary(&report));
            printer.add(&report);
            agreement(report, false)?;
            of_sweep
        }
        Some(Err(source)) => {
            let unchecked = CliError::NotChecked { sweep: status.sweep.0, source: Box::new(source) };
            // One error ends the command.
            of_sweep.inspect_err(|_| warn(&[error_chain(&unchecked)]))?;
            Err(unchecked)
        }
    }
}

/// When the program that reads along has ended; never where none does.
async fn parent_gone(is_read_along: bool) {
    if is_read_along { parent::stdin_closes().await } else { pending().await }
}

/// Whether its cells are single heads, neurons or features.
fn has_units(grid: &patchsweep_core::results::GridScores) -> bool {
    grid.axes.iter().any(|axis| ["head", "neuron", "feature"].contains(&axis.as_str()))
}

struct Outcome {
    status: SweepStatus,
    results: SweepResults,
    /// `None`: nothing is to be checked. Results are worth writing also where the check failed.
    check: Option<Result<CheckReport, CliError>>,
}

/// Submits first, so that a bad spec is refused before any worker starts.
async fn sweep(
    args: &RunArgs,
    submission: Submission,
    address: SocketAddr,
    worker_args: &WorkerArgs,
    crew: &mut Option<Workers>,
) -> Result<Outcome, CliError> {
    let url = format!("http://{address}");
    let endpoint = endpoint::coordinator(&url);
    let endpoint = endpoint.map_err(|error| ClientError::Unreachable { url, reason: error.to_string() })?;
    let dialer = Dialer::new(Role::Client, Some(endpoint), None).map_err(ClientError::from)?;
    let mut client = Client::connect(dialer.with_trace(trace::of_process())).await?;
    let submission = client::Submission {
        spec: submission.source.text().to_owned(),
        dataset: submission.dataset,
        options: PlanOptions { for_gpus: args.device.iter().all(|device| only_gpus(device)), ..args.tiles.options() },
        always_new: false,
        priority: Priority::default(),
    };
    let sweep = submitted(&mut client, submission, &args.spec).await?;
    let watch = client.watch(&sweep).await?;
    let workers = crew.insert(Workers::start(address, worker_args)?);
    let every = if args.until_stdin_closes { LINE_FOR_PROGRAM_EVERY } else { progress::LINE_EVERY };
    let status = tokio::select! {
        followed = progress::follow(watch, &sweep.0, every) => followed?,
        how = workers.all_ended() => return Err(CliError::WorkersEnded { how }),
    };
    if matches!(status.state, SweepState::Failed { .. } | SweepState::Cancelled) {
        progress::outcome(&status, false)?;
    }
    let mut results = client.results(&sweep).await?;
    let check = if args.check {
        Some(tokio::select! {
            checked = check_run(&mut client, &sweep, &mut results, every) => checked,
            how = workers.all_ended() => Err(CliError::WorkersEnded { how }),
        })
    } else {
        None
    };
    Ok(Outcome { status, results, check })
}

/// The sweep of a submission, and no other, is to be computed: the one that an earlier run began, or a new one.
async fn submitted(client: &mut Client, submission: client::Submission, spec: &Path) -> Result<SweepId, CliError> {
    let earlier: Vec<_> = client.list().await?.into_iter().filter(|status| status.check_of.is_none()).collect();
    // A plan is found again among sweeps that run or are done. No worker is there yet, so none begins.
    for status in earlier.iter().filter(|status| status.state.is_final() && status.state != SweepState::Done) {
        client.resume(&status.sweep).await?;
    }
    let submitted = client.submit(submission).await;
    let Submitted { sweep, created, warnings, .. } = submitted.map_err(|error| CliError::refused_spec(spec, error))?;
    warn(&warnings);
    for status in client.list().await?.iter().filter(|status| status.sweep != sweep && !status.state.is_final()) {
        client.cancel(&status.sweep).await?;
    }
    if !created {
        let SweepStatus { tiles_done, tiles_total, .. } = client.status(&sweep).await?;
        talk!("going on with an earlier run: {tiles_done} of {tiles_total} tiles are computed; --new begins anew");
    }
    Ok(sweep)
}
