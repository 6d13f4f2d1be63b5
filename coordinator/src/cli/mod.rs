//! The command line. stdout is data, stderr is talk.

mod children;
mod error;
mod gate;
mod http;
mod output;
mod plan;
mod progress;
mod report;
mod results;
mod run;
mod serve;
mod submission;
mod sweeps;
mod table;
mod token;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use patchsweep_process::log::{self, LogArgs, LogError, LogGuard, LogOptions};
use patchsweep_process::trace;
use patchsweep_proto::credentials::Role;
use patchsweep_proto::dial::Dialer;
use tonic::transport::Endpoint;
use tracing::{Instrument, Span};

use crate::client::{Client, ClientError};
use error::CliError;
use crate::server::RecentEvents;
use output::{OutputFormat, Printer};

/// Distributed activation patching: plans sweeps, leases them to workers, merges the scores.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: LogArgs,
    /// Form of what is said on stdout.
    #[arg(long, global = true, env = "PATCHSWEEP_OUTPUT", value_enum, default_value_t)]
    output: OutputFormat,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 bad command line or spec, 3 partial: some cells have no score, \
     4 coordinator unreachable, 5 not let in: token, certificate, TLS or release, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a sweep on this machine: coordinator and workers in one command.
    Run(run::RunArgs),
    /// Show what a sweep would cost; nothing runs.
    Plan(plan::PlanArgs),
    /// Start a coordinator.
    Serve(serve::ServeArgs),
    /// Replace the tokens that let workers and clients in.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Submit a sweep to a coordinator and print its id.
    Submit(sweeps::SubmitArgs),
    /// List the coordinator's sweeps, oldest first.
    List(CoordinatorArgs),
    /// Show one sweep.
    Status(sweeps::SweepArgs),
    /// Follow a sweep until it has ended.
    Watch(sweeps::SweepArgs),
    /// End a sweep.
    Cancel(sweeps::SweepArgs),
    /// Compute the tiles that a sweep lacks: those that failed, or all that were not done when it was cancelled.
    Resume(sweeps::SweepArgs),
    /// List the connected workers.
    Workers(CoordinatorArgs),
    /// Ask a worker to finish what it has in hand and leave.
    Drain(workers::DrainArgs),
    /// Write a finished sweep's tensors and report into a folder.
    Results(results::ResultsArgs),
    /// Print the strongest effects of a finished sweep.
    Top(results::TopArgs),
    /// Write the page with the heat maps of a sweep or a results folder, and figures for papers.
    Report(report::ReportArgs),
}

impl Command {
    /// A command is one span, below `TRACEPARENT` where that is set; a coordinator's life is none.
    fn span(&self) -> Span {
        if matches!(self, Self::Serve(_)) { Span::none() } else { trace::command_span() }
    }
}

/// Which coordinator to ask.
#[derive(Debug, clap::Args)]
struct CoordinatorArgs {
    /// Address of the coordinator [default: that in the credentials file, or http://127.0.0.1:7070].
    #[arg(long, env = "PATCHSWEEP_COORDINATOR")]
    #[arg(value_parser = patchsweep_proto::endpoint::coordinator, value_name = "URL")]
    coordinator: Option<Endpoint>,
    /// File client.credentials from the coordinator's state directory: address, CA and token.
    #[arg(long, env = "PATCHSWEEP_CREDENTIALS", value_name = "FILE")]
    credentials: Option<PathBuf>,
}

impl CoordinatorArgs {
    async fn connect(self) -> Result<Client, CliError> {
        let dialer = Dialer::new(Role::Client, self.coordinator, self.credentials).map_err(ClientError::from)?;
        Ok(Client::connect(dialer.with_trace(trace::of_process())).await?)
    }
}

/// Parses the command line, does what it says, and maps the outcome to an exit code.
pub async fn main() -> ExitCode {
    let args = Args::parse();
    let events = RecentEvents::new();
    match start_log(args.log, &args.command, &events) {
        // Dropped last: it writes what waits for the log file.
        Ok(_log) => {
            let span = args.command.span();
            run_command(args.command, Printer { format: args.output }, events).instrument(span).await
        }
        Err(error) => ended(Err(error.into())),
    }
}

/// A coordinator says what happens, other commands only what is wrong.
fn start_log(args: LogArgs, command: &Command, events: &RecentEvents) -> Result<LogGuard, LogError> {
    let default_level = if matches!(command, Command::Serve(_)) { "info" } else { "warn" };
    log::start(&LogOptions { args, default_level }, vec![Box::new(events.layer())])
}

async fn run_command(command: Command, printer: Printer, events: RecentEvents) -> ExitCode {
    ended(match command {
        Command::Run(args) => run::run(args, events).await,
        Command::Plan(args) => plan::plan(&args),
        Command::Serve(args) => serve::serve(args, events).await,
        Command::Token(command) => token::token(command),
        Command::Submit(args) => sweeps::submit(args).await,
        Command::List(args) => sweeps::list(args, printer).await,
        Command::Status(args) => sweeps::status(args, printer).await,
        Command::Watch(args) => sweeps::watch(args).await,
        Command::Cancel(args) => sweeps::cancel(args, printer).await,
        Command::Resume(args) => sweeps::resume(args, printer).await,
        Command::Workers(args) => workers::list(args, printer).await,
        Command::Drain(args) => workers::drain(args).await,
        Command::Results(args) => results::results(args).await,
        Command::Top(args) => results::top(args).await,
        Command::Report(args) => report::report(args, printer).await,
    })
}

/// Says why a command failed, and gives its exit code.
fn ended(outcome: Result<(), CliError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_broken_pipe() {
                eprintln!("error: {}", patchsweep_proto::error_chain(&error));
            }
            error.exit_code()
        }
    }
}
