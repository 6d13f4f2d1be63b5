//! What can end a command early, and its exit code.

mod kind;

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

pub(super) use kind::{Kind, USAGE};

use super::selector::SelectorError;
use super::settings::ConfigError;
use crate::client::ClientError;

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
    #[error("sweep `{sweep}`: {}", disagreement(.worst, *.tolerance, *.can_submit))]
    CheckDisagrees { sweep: String, tolerance: f64, worst: Box<WorstCell>, can_submit: bool },
    #[error("sweep `{sweep}` is computed and its results are written, but they are not checked")]
    NotChecked { sweep: String, source: Box<CliError> },
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
    #[error("the program that reads along has ended")]
    ParentGone,
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

fn overwriting(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::AlreadyExists { "; give another name with --out, or --overwrite" } else { "" }
}

fn resume(sweep: &str, can_resume: bool, when: &str) -> String {
    if can_resume { format!("; {when}`patchsweep resume {sweep}` computes what it lacks") } else { String::new() }
}

/// What a check found, and what to do about it. `can_submit`: whether the coordinator goes on after the command.
fn disagreement(worst: &WorstCell, tolerance: f64, can_submit: bool) -> String {
    let WorstCell { grid, iteration, cell, mean, .. } = worst;
    let number = |number: Option<f64>| number.map_or_else(|| "not a number".to_owned(), |number| number.to_string());
    let by = |names: &[String]| if names.is_empty() { "the plan: a no-op".to_owned() } else { names.join(", ") };
    let anew =
        if can_submit { "`patchsweep submit --new SPEC`" } else { "the same command with --new and --overwrite does" };
    format!(
        "the check does not agree, by most at {grid}, {iteration}, {cell}:\n  \
         {mean} {} by {}\n  {mean} {} by {} in plain forward passes, more than {tolerance:e} apart\n\
         look at these workers' machines and drivers, then compute the sweep anew: {anew}",
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
    use patchsweep_proto::wire::WireError;
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
    fn answers_and_manifests_that_cannot_be_read_are_of_another_release() {
        let manifest = CliError::Manifest(serde_json::from_str::<u32>("half").expect_err("no number"));
        let answer = ClientError::from(WireError::Missing { message: "SweepStatus", field: "state" });
        for error in [manifest, answer.into()] {
            let fields = json!(error.fields());
            assert_eq!((&fields["kind"], &fields["exit_code"]), (&json!("other_release"), &json!(5)));
            let message = fields["message"].as_str().expect("a text");
            assert!(message.contains(" cannot be read; install the same release on both: "), "{message}");
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
