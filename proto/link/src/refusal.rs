//! Why a coordinator lets nobody in, as a mark on its answer, so that no one has to understand its text.

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use patchsweep_proto::PROTOCOL_VERSION;

/// Metadata of every request: the version of the protocol that the caller speaks, as a decimal number.
pub const VERSION_KEY: &str = "patchsweep-protocol";

/// Metadata of a refusal.
const REFUSAL_KEY: &str = "patchsweep-refusal";

/// Why a coordinator lets somebody not in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A token is wanted.
    NoToken,
    /// The token is none of this coordinator's, or not any more.
    UnknownToken,
    /// The token is for the other role.
    WrongRole,
    /// Another version of the protocol.
    ProtocolVersion,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::NoToken, Self::UnknownToken, Self::WrongRole, Self::ProtocolVersion];

    fn mark(self) -> &'static str {
        match self {
            Self::NoToken => "no-token",
            Self::UnknownToken => "unknown-token",
            Self::WrongRole => "wrong-role",
            Self::ProtocolVersion => "protocol-version",
        }
    }

    fn code(self) -> Code {
        match self {
            Self::NoToken | Self::UnknownToken => Code::Unauthenticated,
            Self::WrongRole => Code::PermissionDenied,
            Self::ProtocolVersion => Code::FailedPrecondition,
        }
    }

    /// The answer to a caller that is refused.
    #[must_use]
    pub fn status(self, text: impl Into<String>) -> Status {
        let mut status = Status::new(self.code(), text);
        status.metadata_mut().insert(REFUSAL_KEY, MetadataValue::from_static(self.mark()));
        status
    }

    /// Whether an answer is a refusal; codes of authentication are, a proxy's too.
    #[must_use]
    pub fn of(status: &Status) -> Option<Self> {
        let marked = status.metadata().get(REFUSAL_KEY).and_then(|mark| mark.to_str().ok());
        let refusal = marked.and_then(|mark| Self::ALL.into_iter().find(|refusal| refusal.mark() == mark));
        refusal.or(match status.code() {
            Code::Unauthenticated => Some(Self::UnknownToken),
            Code::PermissionDenied => Some(Self::WrongRole),
            _ => None,
        })
    }

    /// Refuses a caller that says to speak another version; one that says nothing is asked when it registers.
    pub fn refuse_version(metadata: &tonic::metadata::MetadataMap) -> Result<(), Box<Status>> {
        let Some(spoken) = metadata.get(VERSION_KEY) else { return Ok(()) };
        let spoken = spoken.to_str().unwrap_or("?");
        if spoken.parse() == Ok(PROTOCOL_VERSION) {
            return Ok(());
        }
        let text = format!(
            "protocol version {spoken} is not the coordinator's {PROTOCOL_VERSION}: install the same release on both"
        );
        Err(Box::new(Self::ProtocolVersion.status(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_by_its_mark_and_other_answers_are_none() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::of(&refusal.status("whatever")), Some(refusal));
        }
        assert_eq!(Refusal::of(&Status::failed_precondition("sweep `a` has no results")), None);
        assert_eq!(Refusal::of(&Status::unauthenticated("a proxy's own")), Some(Refusal::UnknownToken));
    }

    #[test]
    fn another_version_is_refused_and_none_is_not() {
        let mut metadata = tonic::metadata::MetadataMap::new();
        assert!(Refusal::refuse_version(&metadata).is_ok());
        metadata.insert(VERSION_KEY, PROTOCOL_VERSION.into());
        assert!(Refusal::refuse_version(&metadata).is_ok());
        metadata.insert(VERSION_KEY, (PROTOCOL_VERSION + 1).into());
        let refused = Refusal::refuse_version(&metadata).expect_err("another version");
        assert_eq!(Refusal::of(&refused), Some(Refusal::ProtocolVersion));
    }
}
