//! What can end a command early, and its exit code.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use patchsweep_process::http::HttpError;
use patchsweep_process::log::LogError;

use crate::client::ClientError;
use crate::gate::GateError;
use crate::results::figure::PngError;
use crate::results::{FolderError, ReadFolderError, ReportError, ResultsError};
use crate::server::{PlanningError, ServeError};
use crate::spec::SpecError;
use crate::state::StateError;

/// What can end a command early.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("cannot read {}: {source}{}", .path.display(), hint(*.named_by_spec))]
    ReadInput { path: PathBuf, source: io::Error, named_by_spec: bool },
    #[error("{}: {source}", .path.display())]
    Spec { path: PathBuf, source: SpecError },
    #[error("{}: {source}", .path.display())]
    Planning { path: PathBuf, source: Box<PlanningError> },
    #[error("{}: {reason}", .path.display())]
    Refused { path: PathBuf, reason: String },
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
    #[error("no state directory: there is no home directory either; give one with --state DIR")]
    NoState,
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Results(#[from] ResultsError),
    #[error(transparent)]
    ReadFolder(#[from] ReadFolderError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("{name}: {source}")]
    Png { name: String, source: PngError },
    #[error("`{}` exists: choose another name with --out, or replace it with --overwrite", .path.display())]
    Exists { path: PathBuf },
    #[error("`--partial` is of a sweep of a coordinator; `{}` is a folder with results", .folder.display())]
    PartialFolder { folder: PathBuf },
    #[error("cannot write {}: {source}", .path.display())]
    WriteOutput { path: PathBuf, source: io::Error },
    #[error("cannot start {}: {source}; build it with `cargo build -p patchsweep-worker` or name it with PATCHSWEEP_WORKER", .program.display())]
    StartWorker { program: PathBuf, source: io::Error },
    #[error("all workers have ended ({how}); their messages are above")]
    WorkersEnded { how: String },
    #[error("sweep `{sweep}` failed: {reason}")]
    SweepFailed { sweep: String, reason: String },
    #[error("sweep `{sweep}` is partial: {reason}; cells of tiles that failed have status 3 and no score{}", next_step(.sweep, *.can_resume))]
    SweepPartial { sweep: String, reason: String, can_resume: bool },
    #[error("sweep `{sweep}` was cancelled")]
    SweepCancelled { sweep: String },
    #[error("the coordinator ended the watch before sweep `{sweep}` had ended")]
    WatchEnded { sweep: String },
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    #[error("interrupted")]
    Interrupted,
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

fn hint(named_by_spec: bool) -> &'static str {
    if named_by_spec { "; the spec names it, relative to its own folder" } else { "" }
}

fn next_step(sweep: &str, can_resume: bool) -> String {
    if can_resume { format!("; `patchsweep resume {sweep}` tries them again") } else { String::new() }
}

impl CliError {
    /// What a coordinator says of a spec is shown with the spec's path, as the person knows it.
    pub(super) fn refused_spec(path: &Path, error: ClientError) -> Self {
        match error {
            ClientError::Refused(reason) => Self::Refused { path: path.to_owned(), reason },
            error => error.into(),
        }
    }

    /// 1 failed, 2 bad command line or spec, 3 partial, 4 coordinator unreachable, 5 not let in, 130 interrupted.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Output(_) if self.is_broken_pipe() => ExitCode::SUCCESS,
            Self::ReadInput { .. }
            | Self::Spec { .. }
            | Self::Planning { .. }
            | Self::Folder(_)
            | Self::ReadFolder(_)
            | Self::Png { .. }
            | Self::Exists { .. }
            | Self::PartialFolder { .. }
            | Self::Gate(GateError::HostName { .. })
            | Self::InsecureElsewhere { .. }
            | Self::NoState
            | Self::Log(_)
            | Self::Client(ClientError::Credentials(_))
            | Self::Refused { .. } => ExitCode::from(2),
            Self::SweepPartial { .. } => ExitCode::from(3),
            Self::Client(ClientError::Unreachable { .. } | ClientError::AnswerLost { .. }) => ExitCode::from(4),
            Self::Client(ClientError::Rejected(_) | ClientError::OtherRelease { .. }) => ExitCode::from(5),
            Self::Interrupted => ExitCode::from(130),
            _ => ExitCode::FAILURE,
        }
    }

    /// Whoever read stdout has seen enough.
    pub(super) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_proto::credentials::Role;
    use patchsweep_proto::dial::{Rejected, Rejection};

    use super::*;

    /// Exit codes compare by what they print only.
    fn code(error: &CliError) -> String {
        format!("{:?}", error.exit_code())
    }

    fn rejected() -> Rejected {
        Rejected { url: "https://c:1".into(), file: None, role: Role::Client, why: Rejection::NoToken }
    }

    #[test]
    fn outcomes_have_their_exit_codes() {
        let (url, reason) = (|| "http://c:1".to_owned(), || "because".to_owned());
        let codes = [
            (CliError::SweepFailed { sweep: "s".into(), reason: reason() }, 1),
            (CliError::SweepPartial { sweep: "s".into(), reason: reason(), can_resume: true }, 3),
            (ClientError::Unreachable { url: url(), reason: reason() }.into(), 4),
            (ClientError::AnswerLost { url: url(), reason: reason() }.into(), 4),
            (ClientError::Rejected(rejected()).into(), 5),
            (ClientError::OtherRelease { url: url(), reason: reason() }.into(), 5),
            (ClientError::Failed(reason()).into(), 1),
            (CliError::Interrupted, 130),
        ];
        for (error, wanted) in codes {
            assert_eq!(code(&error), format!("{:?}", ExitCode::from(wanted)), "{error}");
        }
    }

    #[test]
    fn a_partial_sweep_says_what_can_be_done() {
        let partial = |can_resume| CliError::SweepPartial { sweep: "s".into(), reason: "no memory".into(), can_resume };
        assert_eq!(
            partial(true).to_string(),
            "sweep `s` is partial: no memory; cells of tiles that failed have status 3 and no score; \
             `patchsweep resume s` tries them again"
        );
        assert!(!partial(false).to_string().contains("resume"));
    }
}
