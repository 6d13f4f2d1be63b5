//! Why there is no session with the coordinator.

use std::error::Error;

use patchsweep_core::RootCause;
use patchsweep_link::credentials::CredentialsError;
use patchsweep_link::dial::Rejected;
use patchsweep_proto::chunk::TooLarge;
use patchsweep_proto::wire::WireError;
use tonic::{Code, Status};

use super::computer::ComputerGone;
use super::dial::Dial;
use crate::engine::DeviceLost;

/// Why there is no session with the coordinator.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody answers.
    #[error("cannot reach the coordinator at {url}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why; `None` when there was no answer at all.
        source: Option<RootCause>,
    },
    /// The coordinator does not answer a registration.
    #[error("the coordinator did not answer the registration")]
    NoWelcome,
    /// Nobody is let in like this.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The credentials file cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The coordinator will never take this worker.
    #[error("the coordinator refused this worker: {reason}")]
    Refused {
        /// Its message.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection to the coordinator broke: {}", reason(.0))]
    Broken(Status),
    /// The coordinator sent something that its schema does not allow.
    #[error("the coordinator sent something invalid")]
    Invalid(#[from] WireError),
    /// The coordinator granted more leases than this worker takes.
    #[error("the coordinator granted more leases than the {credit} that this worker takes at once")]
    TooManyGrants {
        /// Most leases that may be held.
        credit: usize,
    },
    /// A context larger than a worker takes.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The thread that computes is gone.
    #[error(transparent)]
    ComputerGone(#[from] ComputerGone),
    /// Nothing can be computed here any more.
    #[error(
        "this worker ends, and a new one may take its place; if that ends likewise, look for the GPU in the kernel's log"
    )]
    DeviceLost(#[from] DeviceLost),
}

impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        Self::Broken(status)
    }
}

/// What broke a connection: what the network reports, or what the coordinator answered.
fn reason(status: &Status) -> String {
    match status.source() {
        Some(cause) => RootCause::of(cause).to_string(),
        None if status.message().is_empty() => status.code().description().to_owned(),
        None => status.message().to_owned(),
    }
}

impl SessionError {
    /// Says of the coordinator's answers which are final. Everything else that breaks a session may pass.
    pub(super) fn judged_by(self, dialer: &impl Dial) -> Self {
        let Self::Broken(status) = self else { return self };
        if let Some(rejected) = dialer.refusal(&status) {
            return rejected.into();
        }
        match status.code() {
            Code::FailedPrecondition | Code::InvalidArgument | Code::PermissionDenied | Code::Unauthenticated => {
                Self::Refused { reason: status.message().lines().collect::<Vec<_>>().join(" ") }
            }
            _ => Self::Broken(status),
        }
    }

    /// Whether trying again cannot help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Refused { .. } | Self::ComputerGone(_) | Self::DeviceLost(_) => true,
            Self::Credentials(error) => !error.may_pass(),
            _ => false,
        }
    }
}
