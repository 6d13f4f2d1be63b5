//! Why there is no session with the coordinator.

use patchsweep_proto::chunk::TooLarge;
use patchsweep_proto::credentials::CredentialsError;
use patchsweep_proto::dial::Rejected;
use patchsweep_proto::wire::WireError;

/// Why there is no session with the coordinator.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody answers.
    #[error("cannot reach the coordinator at {url}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// Nobody is let in like this.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The credentials file cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The coordinator will never take this worker.
    #[error("the coordinator refused this worker: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection to the coordinator broke")]
    Broken(#[from] tonic::Status),
    /// The coordinator said something that its schema does not allow.
    #[error("the coordinator sent something invalid")]
    Invalid(#[from] WireError),
    /// A context larger than a worker takes.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// No thread to compute on.
    #[error("cannot start the engine's thread")]
    Thread(#[from] std::io::Error),
    /// The thread that computes is gone.
    #[error("the engine's thread has ended")]
    EngineGone,
}

impl SessionError {
    /// Whether trying again cannot help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::Rejected(_) | Self::Credentials(_) | Self::Refused { .. } | Self::Thread(_) | Self::EngineGone
        )
    }
}
