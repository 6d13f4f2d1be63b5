//! What a coordinator's refusal means.

use std::error::Error;

use patchsweep_core::RootCause;
use patchsweep_link::credentials::CredentialsError;
use patchsweep_link::dial::{DialError, Dialer, Rejected};
use patchsweep_proto::chunk::TooLarge;
use patchsweep_proto::wire::WireError;
use tonic::{Code, Status};

/// Why a coordinator did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers, or the connection broke.
    #[error(
        "cannot reach the coordinator at {url} ({reason}); is `patchsweep serve` running there? Name another with --coordinator or PATCHSWEEP_COORDINATOR"
    )]
    Unreachable {
        /// Its address.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// The connection broke after a submission was sent and before it was answered.
    #[error(
        "the connection to the coordinator at {url} broke before it answered ({reason}); `patchsweep list` shows whether the sweep is there, and submitting it again without --new is safe"
    )]
    AnswerLost {
        /// Its address.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// It lets nobody in like this; trying again cannot help.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The credentials file cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// It does not know the request.
    #[error(
        "the coordinator at {url} does not know this request ({reason}): it is of another release than this program ({}); install the same on both",
        env!("CARGO_PKG_VERSION")
    )]
    OtherRelease {
        /// Its address.
        url: String,
        /// What it says.
        reason: String,
    },
    /// The request is at fault.
    #[error("{0}")]
    Refused(String),
    /// The request is fine, but cannot be fulfilled.
    #[error("{0}")]
    Failed(String),
    /// It answered with something that its schema does not allow.
    #[error("the coordinator's answer cannot be read; install the same release on both")]
    Invalid(#[from] WireError),
    /// More came than is taken.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl ClientError {
    /// Of an answer. A status with a cause is this side's: the connection broke. One without is the coordinator's.
    pub(super) fn of(dialer: &Dialer, status: &Status) -> Self {
        if let Some(rejected) = dialer.refusal(status) {
            return rejected.into();
        }
        let broken = status.source().is_some();
        let reason = status.message().to_owned();
        match status.code() {
            _ if broken => Self::unreachable(dialer.url(), &RootCause::of(status)),
            Code::Unavailable | Code::Aborted | Code::Cancelled | Code::DeadlineExceeded => {
                Self::Unreachable { url: dialer.url(), reason }
            }
            Code::Unimplemented => Self::OtherRelease { url: dialer.url(), reason },
            Code::InvalidArgument => Self::Refused(reason),
            _ => Self::Failed(reason),
        }
    }

    /// Of a connection that could not be made, or broke.
    fn unreachable(url: String, cause: &RootCause) -> Self {
        Self::Unreachable { url, reason: cause.to_string() }
    }
}

impl From<DialError> for ClientError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Unreachable { url, source } => Self::unreachable(url, &source),
            DialError::Rejected(rejected) => rejected.into(),
            DialError::Credentials(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_link::credentials::Role;
    use patchsweep_link::dial::Rejection;

    use super::*;

    fn dialer() -> Dialer {
        Dialer::new(Role::Client, None, None).expect("no file is read")
    }

    #[test]
    fn codes_say_whether_to_try_again() {
        let dialer = dialer();
        let error = |code| ClientError::of(&dialer, &Status::new(code, "because"));
        for code in [Code::Unavailable, Code::Aborted, Code::Cancelled] {
            assert!(matches!(error(code), ClientError::Unreachable { .. }), "{code:?}");
        }
        for (code, why) in
            [(Code::Unauthenticated, Rejection::UnknownToken), (Code::PermissionDenied, Rejection::WrongRole)]
        {
            assert!(matches!(error(code), ClientError::Rejected(rejected) if rejected.why == why), "{code:?}");
        }
        assert!(error(Code::Unimplemented).to_string().contains("another release than this program (0.1.0)"));
        assert!(matches!(error(Code::InvalidArgument), ClientError::Refused(_)));
        assert!(matches!(error(Code::NotFound), ClientError::Failed(_)));
    }

    #[test]
    fn a_broken_connection_is_known_by_its_cause() {
        let broken = Status::from_error(Box::new(std::io::Error::other("reset")));
        assert!(
            matches!(ClientError::of(&dialer(), &broken), ClientError::Unreachable { reason, .. } if reason == "reset")
        );
    }
}
