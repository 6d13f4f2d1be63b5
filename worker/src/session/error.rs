//! Why there is no session with the coordinator.

use patchsweep_proto::chunk::TooLarge;
use patchsweep_proto::wire::WireError;
use tonic::{Code, Status};

use super::computer::ComputerGone;

/// Why there is no session with the coordinator.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody answers.
    #[error("cannot reach the coordinator at {url}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why; `None` when there was no answer at all.
        source: Option<tonic::transport::Error>,
    },
    /// The coordinator does not answer a registration.
    #[error("the coordinator did not answer the registration")]
    NoWelcome,
    /// The coordinator will never take this worker.
    #[error("the coordinator refused this worker: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection to the coordinator broke")]
    Broken(#[source] Status),
    /// The coordinator said something that its schema does not allow.
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
}

/// Refusals are final, everything else may pass.
impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::FailedPrecondition | Code::InvalidArgument | Code::PermissionDenied | Code::Unauthenticated => {
                Self::Refused { reason: status.message().lines().collect::<Vec<_>>().join(" ") }
            }
            _ => Self::Broken(status),
        }
    }
}

impl SessionError {
    /// Whether trying again cannot help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::ComputerGone(_))
    }
}
