//! The command line. stdout is data and goes through `output`, stderr is talk and goes through `talk`: neither ends a
//! command when nobody reads it.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod check;
mod children;
mod completions;
mod config;
mod error;
mod explain;
mod gate;
mod http;
mod init;
mod man;
mod model;
mod output;
mod plan;
mod progress;
mod quantities;
#[cfg(test)]
mod reference;
mod remove;
mod report;
mod results;
mod run;
mod selector;
mod serve;
mod settings;
mod submission;
mod sweeps;
mod table;
mod token;
mod top;
mod unfinished;
mod usage;
mod watch;
mod whole_file;
mod workers;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use patchsweep_link::credentials::Role;
use patchsweep_link::dial::Dialer;
use patchsweep_process::log::{self, LogArgs, LogError, LogGuard, LogOptions};
use patchsweep_process::talk::complain;
use patchsweep_process::trace;
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::Endpoint;
use tracing::{Instrument, Span};

use crate::client::{Client, ClientError};
use error::CliError;
use output::{OutputFormat, Printer};
use patchsweep_serve::server::RecentLog;
use settings::{ConfigError, ConfigFile, Location};

/// Distributed activation patching: plans sweeps, leases them to workers, merges the scores.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: LogArgs,
    /// Form of what is printed on stdout.
    #[arg(
        long,
        global = true,
        env = "PATCHSWEEP_OUTPUT",
        hide_env_values = true,
        value_enum,
        default_value_t,
        value_name = "FORM"
    )]
    output: OutputFormat,
}

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    failed
  2    bad command line, spec, config or other file
  3    partial: some cells have no score; or scores or estimates are not finite numbers
  4    coordinator unreachable
  5    not let in: token, certificate, TLS or release
  130  interrupted
  143  ended by SIGTERM

Settings can stand in a config file too: see `patchsweep config show`.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a spec to begin with, from a model and a file of prompts.
    Init(init::InitArgs),
    /// Run a sweep on this machine: coordinator and workers in one command.
    Run(run::RunArgs),
    /// Show a model, or fetch one from the Hugging Face hub.
    #[command(subcommand)]
    Model(model::ModelCommand),
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
    /// Show a sweep, or all.
    Status(sweeps::SweepsArgs),
    /// Follow a sweep until it has ended: a live view on a terminal, a line every 30 seconds elsewhere.
    Watch(sweeps::SweepArgs),
    /// End a sweep, or all that run.
    Cancel(sweeps::SweepsArgs),
    /// Compute what a sweep lacks: tiles that failed, or those that were not done when it was cancelled.
    Resume(sweeps::SweepsArgs),
    /// Forget sweeps that have ended: their scores and checks too, for good. The state file gets smaller.
    Remove(remove::RemoveArgs),
    /// List the connected workers.
    Workers(CoordinatorArgs),
    /// Ask a worker to finish what it has in hand and leave.
    Drain(workers::DrainArgs),
    /// Say where a sweep's work is, or one cell's, what went wrong, and why nothing runs.
    Explain(explain::ExplainArgs),
    /// Write a finished sweep's tensors, manifest and report into a folder.
    Results(results::ResultsArgs),
    /// Compute a random sample of a sweep's cells again, by plain forward passes, and say whether they agree.
    Check(check::CheckArgs),
    /// Print the strongest effects of a finished sweep.
    Top(top::TopArgs),
    /// Write the page with the heat maps of a sweep or a results folder, and figures for papers.
    Report(report::ReportArgs),
    /// Show settings and where they come from.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print a script that completes commands and options in a shell.
    Completions(completions::CompletionsArgs),
    /// Write a manual page for each command.
    Man(man::ManArgs),
}

impl Command {
    /// Whether it does its work without any setting, so that a bad config file is nothing to it.
    fn needs_no_settings(&self) -> bool {
        matches!(self, Self::Completions(_) | Self::Man(_) | Self::Config(config::ConfigCommand::Path))
    }

    /// Whether Ctrl-C is not answered for it: it answers itself, having children or others that rely on it, or it never
    /// waits, and the signal's own way to end it is the faster one.
    fn is_left_to_signals(&self) -> bool {
        let answers_itself = matches!(self, Self::Run(_) | Self::Serve(_));
        let never_waits = matches!(self, Self::Init(_) | Self::Model(_) | Self::Plan(_) | Self::Token(_));
        answers_itself || never_waits || self.needs_no_settings()
    }

    /// A command is one span, below `TRACEPARENT` where that is set; a coordinator's life is none.
    fn span(&self) -> Span {
        if matches!(self, Self::Serve(_)) { Span::none() } else { trace::command_span() }
    }
}

/// Which coordinator to ask.
#[derive(Clone, Debug, clap::Args)]
struct CoordinatorArgs {
    /// Address of the coordinator [default: that in the credentials file, or http://127.0.0.1:7070].
    #[arg(long, env = "PATCHSWEEP_COORDINATOR", hide_env_values = true)]
    #[arg(value_parser = patchsweep_link::endpoint::coordinator, value_name = "URL")]
    coordinator: Option<Endpoint>,
    /// File client.credentials from the coordinator's state directory: address, CA and token.
    #[arg(long, env = "PATCHSWEEP_CREDENTIALS", hide_env_values = true, value_name = "FILE")]
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
    let words: Vec<OsString> = std::env::args_os().collect();
    let file = ConfigFile::read(&Location::find());
    match parse(&words, file.as_ref().ok()) {
        Ok((matches, args)) => ExitCode::from(outcome(args, &matches, file).await),
        Err(error) => {
            let environment = std::env::var_os("PATCHSWEEP_OUTPUT");
            let configured = file.as_ref().ok().and_then(|file| file.values("output").first()).map(OsStr::new);
            let format = output::wanted(&words, [environment.as_deref(), configured]);
            ExitCode::from(usage::answer(&error, &Printer::new(format)))
        }
    }
}

fn parse(words: &[OsString], file: Option<&ConfigFile>) -> Result<(ArgMatches, Args), clap::Error> {
    let command = || match file {
        Some(file) => settings::with_defaults(Args::command(), file),
        None => Args::command(),
    };
    let matches = command().try_get_matches_from(words)?;
    let args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command()))?;
    Ok((matches, args))
}

/// Does what the command line says; gives the exit code.
async fn outcome(args: Args, matches: &ArgMatches, file: Result<ConfigFile, ConfigError>) -> u8 {
    let printer = Printer::new(args.output);
    let outcome = logged(args, matches, file, &printer).await;
    let (mut code, mut fields) = (0, None);
    if let Err(error) = outcome {
        complain(&patchsweep_core::error_chain(&error));
        (code, fields) = (error.exit_code(), Some(error.fields()));
    }
    if let Err(unprinted) = printer.finish(fields) {
        complain(&patchsweep_core::error_chain(&CliError::Output(unprinted)));
        code = code.max(1);
    }
    code
}

/// Starts the log for as long as the command takes.
async fn logged(
    args: Args,
    matches: &ArgMatches,
    file: Result<ConfigFile, ConfigError>,
    printer: &Printer,
) -> Result<(), CliError> {
    let events = RecentLog::new();
    // Dropped last: it writes what waits for the log file.
    let _log = start_log(args.log, &args.command, &events)?;
    let file = match file {
        Err(error) if !args.command.needs_no_settings() => return Err(error.into()),
        file => file.unwrap_or_default(),
    };
    let span = args.command.span();
    done(args.command, matches, &file, events, printer).instrument(span).await
}

/// A coordinator says what happens, other commands only what is wrong.
fn start_log(args: LogArgs, command: &Command, events: &RecentLog) -> Result<LogGuard, LogError> {
    let default_level = if matches!(command, Command::Serve(_)) { "info" } else { "warn" };
    log::start(&LogOptions { args, default_level, service: "patchsweep" }, vec![Box::new(events.layer())])
}

/// Until the command has ended, or Ctrl-C ends it.
async fn done(
    command: Command,
    matches: &ArgMatches,
    file: &ConfigFile,
    events: RecentLog,
    printer: &Printer,
) -> Result<(), CliError> {
    let is_left_to_signals = command.is_left_to_signals();
    // Commands are large, and there is one of them.
    let working = Box::pin(dispatch(command, matches, file, events, printer.clone()));
    if is_left_to_signals {
        return working.await;
    }
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Signals)?;
    tokio::select! {
        // What has ended has ended.
        biased;
        outcome = working => outcome,
        _ = interrupt.recv() => Err(CliError::Interrupted),
    }
}

async fn dispatch(
    command: Command,
    matches: &ArgMatches,
    file: &ConfigFile,
    events: RecentLog,
    printer: Printer,
) -> Result<(), CliError> {
    match command {
        Command::Init(args) => init::init(&args, &printer),
        Command::Run(args) => Box::pin(run::run(args, events, printer)).await,
        Command::Model(command) => model::model(command, &printer),
        Command::Plan(args) => plan::plan(&args, &printer),
        Command::Serve(args) => serve::serve(args, events, printer).await,
        Command::Token(command) => token::token(command, &printer),
        Command::Submit(args) => sweeps::submit(args, printer).await,
        Command::List(args) => sweeps::list(args, printer).await,
        Command::Status(args) => sweeps::status(args, printer).await,
        Command::Watch(args) => watch::watch(args, printer).await,
        Command::Cancel(args) => sweeps::cancel(args, printer).await,
        Command::Resume(args) => sweeps::resume(args, printer).await,
        Command::Remove(args) => remove::remove(args, printer).await,
        Command::Workers(args) => workers::list(args, printer).await,
        Command::Drain(args) => workers::drain(args, printer).await,
        Command::Explain(args) => explain::explain(args, printer).await,
        Command::Results(args) => results::results(args, printer).await,
        Command::Check(args) => check::check(args, printer).await,
        Command::Top(args) => top::top(args, printer).await,
        Command::Report(args) => report::report(args, printer).await,
        Command::Config(command) => config::config(command, matches, file, &printer),
        Command::Completions(args) => completions::completions(&args, &printer),
        Command::Man(args) => man::man(&args, &printer),
    }
}
