//! What kind of error ends a command, and with which exit code.

use patchsweep_hub::HubError;
use patchsweep_serve::gate::GateError;
use schemars::JsonSchema;
use serde::Serialize;

use super::CliError;
use crate::cli::selector::SelectorError;
use crate::client::ClientError;

/// Exit code of a bad command line, spec or file.
pub(in crate::cli) const USAGE: u8 = 2;

/// What kind of error ended a command; says more than the exit code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Kind {
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
    /// Some scores or estimates are not finite numbers.
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

impl CliError {
    /// 1 failed, 2 bad command line, spec or file, 3 partial or not finite, 4 coordinator unreachable, 5 not let in, 130 interrupted, 143
    /// ended by SIGTERM.
    pub(in crate::cli) fn exit_code(&self) -> u8 {
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

    /// No variant is passed over: what a new one is, is said here.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::InsecureElsewhere { .. } | Self::NoState => Kind::Usage,
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
            | Self::Pages { .. } => Kind::Input,
            Self::Hub(error) => of_hub(error),
            Self::Client(error) => of_client(error),
            Self::Selector(error) => of_selector(error),
            Self::Gate(error) => of_gate(error),
            Self::Config(_) => Kind::Config,
            Self::CheckDisagrees { .. } => Kind::Check,
            Self::SweepPartial { .. } => Kind::Partial,
            Self::NotFinite { .. } => Kind::NotFinite,
            Self::SweepCancelled { .. } => Kind::Cancelled,
            Self::Manifest(_) => Kind::OtherRelease,
            Self::Interrupted => Kind::Interrupted,
            Self::Terminated | Self::ParentGone => Kind::Terminated,
            Self::Serve(_)
            | Self::State(_)
            | Self::Memory(_)
            | Self::Results(_)
            | Self::Tensors(_)
            | Self::WriteOutput { .. }
            | Self::StartWorker { .. }
            | Self::WorkersEnded { .. }
            | Self::SweepFailed { .. }
            | Self::NotChecked { .. }
            | Self::WatchEnded { .. }
            | Self::Http(_)
            | Self::Signals(_)
            | Self::Output(_) => Kind::Failed,
        }
    }
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

fn of_client(error: &ClientError) -> Kind {
    match error {
        ClientError::Refused(_) => Kind::Usage,
        ClientError::Credentials(_) => Kind::Input,
        ClientError::Unreachable { .. } | ClientError::AnswerLost { .. } => Kind::Unreachable,
        ClientError::Rejected(_) => Kind::NotLetIn,
        ClientError::OtherRelease { .. } | ClientError::Invalid(_) => Kind::OtherRelease,
        ClientError::Failed(_) | ClientError::TooLarge(_) => Kind::Failed,
    }
}

fn of_selector(error: &SelectorError) -> Kind {
    match error {
        SelectorError::TakesOne => Kind::Usage,
        SelectorError::Unknown { .. } | SelectorError::Ambiguous { .. } | SelectorError::NoneYet => Kind::NoSweep,
    }
}

fn of_gate(error: &GateError) -> Kind {
    match error {
        GateError::HostName { .. } => Kind::Input,
        GateError::File { .. }
        | GateError::Exposed { .. }
        | GateError::Damaged { .. }
        | GateError::Mismatch { .. }
        | GateError::Random(_)
        | GateError::Issue(_)
        | GateError::NeverServed { .. } => Kind::Failed,
    }
}
