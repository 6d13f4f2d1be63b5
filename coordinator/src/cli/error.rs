//! What can end a command early, and its exit code.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use patchsweep_files::locate::LocateError;
use patchsweep_hub::HubError;
use patchsweep_plan::spec::SpecError;
use patchsweep_process::http::HttpError;
use patchsweep_process::log::LogError;
use patchsweep_process::signals::Asked;
use patchsweep_results::figure::PngError;
use patchsweep_results::{FolderError, NotFiniteCount, ReadFolderError, ResultsError, TensorError};
use patchsweep_serve::check::WorstCell;
use patchsweep_serve::gate::GateError;
use patchsweep_serve::server::{ModelFilesError, PlanningError, ServeError};
use patchsweep_serve::state::StateError;
use schemars::JsonSchema;
use serde::Serialize;

use super::selector::SelectorError;
use super::settings::ConfigError;
use crate::client::ClientError;

/// Exit code of a bad command line, spec or file.
pub(super) const USAGE: u8 = 2;

/// What can end a command early.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("cannot read {}; {next}", .path.display())]
    ReadInput { path: PathBuf, source: io::Error, next: &'static str },
    #[error("{}", .path.display())]
    Spec { path: PathBuf, source: SpecError },
    #[error("{}", .path.display())]
    Planning { path: PathBuf, source: Box<PlanningError> },
    #[error("{}: {reason}", .path.display())]
    Refused { path: PathBuf, reason: String },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Selector(#[from] SelectorError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error(
        "{address} can be reached by others: --insecure would let in everybody who does; leave it out, or add --force if you mean that"
    )]
    InsecureElsewhere { address: SocketAddr },
    #[error(transparent)]
    NoStarter(Box<PlanningError>),
    #[error("{} has no tokenizer.json, which turns the prompts into tokens; without one, write a spec with `tokens = \"…\"`", .folder.display())]
    NoTokenizer { folder: PathBuf },
    #[error(transparent)]
    Model(Box<ModelFilesError>),
    #[error(
        "no model `{name}`: neither a folder with a config.json, nor below --models, nor a repository that is here"
    )]
    NoModel { name: String, source: Box<LocateError> },
    #[error("{} has no config.json: give a model folder, a name below a --models folder, or a repository", .folder.display())]
    NoModelFolder { folder: PathBuf },
    #[error(transparent)]
    Hub(#[from] HubError),
    #[error("cannot say how much memory this machine has")]
    Memory(#[source] io::Error),
    #[error("cannot write {}{}", .path.display(), overwriting(.source))]
    WriteSpec { path: PathBuf, source: io::Error },
    #[error("no state directory: there is no home directory either; give one with --state DIR or PATCHSWEEP_STATE")]
    NoState,
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Results(#[from] ResultsError),
    #[error(transparent)]
    ReadFolder(#[from] ReadFolderError),
    #[error(transparent)]
    Tensors(#[from] TensorError),
    #[error("{name}")]
    Png { name: String, source: PngError },
    #[error("`{}` exists: choose another name with --out, or replace it with --overwrite", .path.display())]
    Exists { path: PathBuf },
    #[error("`--partial` is of a sweep of a coordinator; `{}` is a folder with results", .folder.display())]
    PartialFolder { folder: PathBuf },
    #[error("cannot write {}", .path.display())]
    WriteOutput { path: PathBuf, source: io::Error },
    #[error("cannot start {}; build it with `cargo build -p patchsweep-worker` or name it with PATCHSWEEP_WORKER", .program.display())]
    StartWorker { program: PathBuf, source: io::Error },
    #[error("all workers have ended ({how}); their messages are above")]
    WorkersEnded { how: String },
    #[error("sweep `{sweep}` failed: {reason}{}", resume(.sweep, *.can_resume, "once that is mended, "))]
    SweepFailed { sweep: String, reason: String, can_resume: bool },
    #[error("sweep `{sweep}` is partial: {reason}; cells of tiles that failed have status 3 and no score{}", resume(.sweep, *.can_resume, ""))]
    SweepPartial { sweep: String, reason: String, can_resume: bool },
    #[error("sweep `{sweep}`: {count}")]
    NotFinite { sweep: String, count: NotFiniteCount },
    #[error("sweep `{sweep}`: {}", disagreement(.worst, *.tolerance))]
    CheckDisagrees { sweep: String, tolerance: f64, worst: Box<WorstCell> },
    #[error("the coordinator's manifest cannot be read; install the same release on both")]
    Manifest(#[source] serde_json::Error),
    #[error("sweep `{sweep}` was cancelled{}", resume(.sweep, *.can_resume, ""))]
    SweepCancelled { sweep: String, can_resume: bool },
    #[error(
        "the coordinator ended the watch before sweep `{sweep}` had ended; `patchsweep watch {sweep}` follows it again"
    )]
    WatchEnded { sweep: String },
    #[error("cannot write manual pages into {}; give a folder that is there with --out", .folder.display())]
    Pages { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    #[error("interrupted")]
    Interrupted,
    #[error("ended by SIGTERM")]
    Terminated,
    #[error("another `patchsweep run` computes for `{}`: wait until it has ended, or choose another folder with --out", .out.display())]
    AnotherRun { out: PathBuf },
    #[error("cannot go on with the unfinished run in {}; `--new` begins anew", .folder.display())]
    Unfinished { folder: PathBuf, source: Box<StateError> },
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

/// Why a command failed, for programs.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct ErrorFields {
    /// As on stderr.
    pub(super) message: String,
    /// What kind of error it is, in one word.
    pub(super) kind: Kind,
    /// As the process ends with.
    pub(super) exit_code: u8,
    /// A command that helps, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// What kind of error ended a command; says more than the exit code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// The command line.
    Usage,
    /// Spec, dataset or model.
    Spec,
    /// Another file or folder.
    Input,
    /// The config file.
    Config,
    /// No sweep, or several, are called that.
    NoSweep,
    /// A check does not agree.
    Check,
    /// The sweep was cancelled.
    Cancelled,
    /// Some cells have no score.
    Partial,
    /// Some scores are not finite numbers.
    NotFinite,
    /// Nobody answers there, or the hub not as it should.
    Unreachable,
    /// Token, certificate or TLS; or a model that the hub does not show to everybody.
    NotLetIn,
    /// The other program is of another release.
    OtherRelease,
    /// Ended by Ctrl-C.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
    /// Anything else.
    Failed,
}

fn overwriting(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::AlreadyExists { "; give another name with --out, or --overwrite" } else { "" }
}

fn resume(sweep: &str, can_resume: bool, when: &str) -> String {
    if can_resume { format!("; {when}`patchsweep resume {sweep}` computes what it lacks") } else { String::new() }
}

/// What kind of error it is that a model does not come from the hub.
fn of_hub(error: &HubError) -> Kind {
    match error {
        HubError::Write { .. } | HubError::Cancelled => Kind::Failed,
        error if error.is_of_network() => Kind::Unreachable,
        error if error.is_of_access() => Kind::NotLetIn,
        _ => Kind::Spec,
    }
}

/// What a check found, and what to do about it.
fn disagreement(worst: &WorstCell, tolerance: f64) -> String {
    let WorstCell { grid, iteration, cell, mean, .. } = worst;
    let number = |number: Option<f64>| number.map_or_else(|| "not a number".to_owned(), |number| number.to_string());
    let by = |names: &[String]| if names.is_empty() { "the plan: a no-op".to_owned() } else { names.join(", ") };
    format!(
        "the check does not agree, by most at {grid}, {iteration}, {cell}:\n  \
         {mean} {} by {}\n  {mean} {} by {} in plain forward passes, more than {tolerance:e} apart\n\
         look at these workers' machines and drivers, then compute the sweep anew: `patchsweep submit --new SPEC`",
        number(worst.computed),
        by(&worst.computed_by),
        number(worst.checked),
        by(&worst.checked_by),
    )
}

/// What a signal ends a command with.
impl From<Asked> for CliError {
    fn from(signal: Asked) -> Self {
        match signal {
            Asked::Interrupt => Self::Interrupted,
            Asked::Terminate => Self::Terminated,
        }
    }
}

impl CliError {
    /// What a coordinator says of a spec is shown with the spec's path, as the person knows it.
    pub(super) fn refused_spec(path: &Path, error: ClientError) -> Self {
        match error {
            ClientError::Refused(reason) => Self::Refused { path: path.to_owned(), reason },
            error => error.into(),
        }
    }

    /// 1 failed, 2 bad command line, spec or file, 3 partial or not finite, 4 coordinator unreachable, 5 not let in, 130 interrupted, 143
    /// ended by SIGTERM.
    pub(super) fn exit_code(&self) -> u8 {
        match self.kind() {
            Kind::Usage | Kind::Spec | Kind::Input | Kind::Config => USAGE,
            Kind::Partial | Kind::NotFinite => 3,
            Kind::Unreachable => 4,
            Kind::NotLetIn | Kind::OtherRelease => 5,
            Kind::Interrupted => 130,
            Kind::Terminated => 143,
            Kind::NoSweep | Kind::Check | Kind::Cancelled | Kind::Failed => 1,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::InsecureElsewhere { .. }
            | Self::NoState
            | Self::Selector(SelectorError::TakesOne)
            | Self::Client(ClientError::Refused(_)) => Kind::Usage,
            Self::Spec { .. }
            | Self::Planning { .. }
            | Self::Refused { .. }
            | Self::Model(_)
            | Self::NoModel { .. }
            | Self::NoModelFolder { .. } => Kind::Spec,
            Self::ReadInput { .. }
            | Self::Folder(_)
            | Self::ReadFolder(_)
            | Self::Png { .. }
            | Self::Exists { .. }
            | Self::AnotherRun { .. }
            | Self::Unfinished { .. }
            | Self::PartialFolder { .. }
            | Self::NoStarter(_)
            | Self::NoTokenizer { .. }
            | Self::WriteSpec { .. }
            | Self::Log(_)
            | Self::Pages { .. }
            | Self::Gate(GateError::HostName { .. })
            | Self::Client(ClientError::Credentials(_)) => Kind::Input,
            Self::Hub(error) => of_hub(error),
            Self::Config(_) => Kind::Config,
            Self::CheckDisagrees { .. } => Kind::Check,
            Self::Selector(_) => Kind::NoSweep,
            Self::SweepPartial { .. } => Kind::Partial,
            Self::NotFinite { .. } => Kind::NotFinite,
            Self::SweepCancelled { .. } => Kind::Cancelled,
            Self::Client(ClientError::Unreachable { .. } | ClientError::AnswerLost { .. }) => Kind::Unreachable,
            Self::Client(ClientError::Rejected(_)) => Kind::NotLetIn,
            Self::Client(ClientError::OtherRelease { .. }) => Kind::OtherRelease,
            Self::Interrupted => Kind::Interrupted,
            Self::Terminated => Kind::Terminated,
            _ => Kind::Failed,
        }
    }

    /// The command to run next, where there is one.
    fn next(&self) -> Option<String> {
        match self {
            Self::SweepFailed { sweep, can_resume: true, .. }
            | Self::SweepPartial { sweep, can_resume: true, .. }
            | Self::SweepCancelled { sweep, can_resume: true } => Some(format!("patchsweep resume {sweep}")),
            Self::NoModel { source, .. } => source.fetch_command(),
            Self::WatchEnded { sweep } => Some(format!("patchsweep watch {sweep}")),
            Self::Selector(SelectorError::NoneYet) => Some("patchsweep submit SPEC".to_owned()),
            Self::Selector(_) | Self::Client(ClientError::AnswerLost { .. }) => Some("patchsweep list".to_owned()),
            Self::Client(ClientError::Unreachable { .. }) => Some("patchsweep serve".to_owned()),
            _ => None,
        }
    }

    /// The error for programs.
    pub(super) fn fields(&self) -> ErrorFields {
        let message = patchsweep_core::error_chain(self);
        ErrorFields { message, kind: self.kind(), exit_code: self.exit_code(), next: self.next() }
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_link::credentials::Role;
    use patchsweep_link::dial::{Rejected, Rejection};
    use serde_json::json;

    use super::*;

    fn rejected() -> Rejected {
        Rejected { url: "https://c:1".into(), file: None, role: Role::Client, why: Rejection::NoToken }
    }

    #[test]
    fn outcomes_have_their_exit_codes() {
        let (url, reason) = (|| "http://c:1".to_owned(), || "because".to_owned());
        let codes = [
            (CliError::SweepFailed { sweep: "s".into(), reason: reason(), can_resume: true }, 1),
            (CliError::SweepPartial { sweep: "s".into(), reason: reason(), can_resume: true }, 3),
            (ClientError::Unreachable { url: url(), reason: reason() }.into(), 4),
            (ClientError::AnswerLost { url: url(), reason: reason() }.into(), 4),
            (ClientError::Rejected(rejected()).into(), 5),
            (ClientError::OtherRelease { url: url(), reason: reason() }.into(), 5),
            (ClientError::Refused(reason()).into(), 2),
            (ClientError::Failed(reason()).into(), 1),
            (SelectorError::TakesOne.into(), 2),
            (SelectorError::NoneYet.into(), 1),
            (CliError::Interrupted, 130),
            (CliError::Terminated, 143),
        ];
        for (error, wanted) in codes {
            assert_eq!(error.exit_code(), wanted, "{error}");
        }
    }

    #[test]
    fn a_partial_sweep_says_what_can_be_done() {
        let partial = |can_resume| CliError::SweepPartial { sweep: "s".into(), reason: "no memory".into(), can_resume };
        assert_eq!(
            partial(true).to_string(),
            "sweep `s` is partial: no memory; cells of tiles that failed have status 3 and no score; \
             `patchsweep resume s` computes what it lacks"
        );
        assert!(!partial(false).to_string().contains("resume"));
    }

    #[test]
    fn programs_get_the_kind_of_an_error_and_what_to_do_next() {
        let partial = CliError::SweepPartial { sweep: "s".into(), reason: "no memory".into(), can_resume: true };
        let partial = json!(partial.fields());
        assert_eq!((&partial["kind"], &partial["exit_code"]), (&json!("partial"), &json!(3)));
        assert_eq!(partial["next"], "patchsweep resume s");
        let interrupted = json!(CliError::Interrupted.fields());
        assert_eq!(interrupted, json!({ "message": "interrupted", "kind": "interrupted", "exit_code": 130 }));
    }
}
