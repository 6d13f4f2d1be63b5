//! Why a coordinator and a caller will not come together, and what to mend.

use std::fmt;
use std::path::PathBuf;

use crate::credentials::Role;

/// Nothing that passes by itself: no use in trying again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The coordinator's address, as dialled.
    pub url: String,
    /// The credentials file, if one was given.
    pub file: Option<PathBuf>,
    /// What the caller wants to be.
    pub role: Role,
    /// Why.
    pub why: Rejection,
}

/// Why nobody is let in, or wants in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The coordinator wants a token.
    NoToken,
    /// The coordinator does not know the token.
    UnknownToken,
    /// The token is for the other role.
    WrongRole,
    /// Coordinator and caller are of different releases.
    ProtocolVersion {
        /// Both versions, in the coordinator's words.
        message: String,
    },
    /// The coordinator's certificate is not of an authority that counts.
    UnknownAuthority,
    /// The coordinator's certificate has expired.
    Expired,
    /// The coordinator's certificate is not valid yet.
    NotValidYet,
    /// The coordinator's certificate is another host's.
    OtherName {
        /// Whom it is for.
        names: Vec<String>,
    },
    /// Plaintext to a TLS port.
    SpeaksTls,
    /// TLS to a plaintext port.
    SpeaksPlaintext,
    /// The CA in the credentials file is no certificate.
    InvalidCa {
        /// What is wrong with it.
        reason: String,
    },
    /// The handshake failed for a rarer reason.
    Tls {
        /// Which.
        reason: String,
    },
}

impl std::error::Error for Rejected {}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, role, .. } = self;
        let (name, role) = (role.file_name(), role.name());
        let copy = format!("copy {name} again from the coordinator's state directory");
        let give = format!(
            "give the file {name} of the coordinator's state directory with --credentials or PATCHSWEEP_CREDENTIALS"
        );
        let file = self.file.as_ref().map(|path| path.display().to_string());
        let in_file = file.as_ref().map_or_else(String::new, |file| format!(" in {file}"));
        match &self.why {
            Rejection::NoToken => {
                let none = file.map_or_else(String::new, |file| format!(" and got none from {file}"));
                write!(f, "the coordinator at {url} wants a token{none}: {give}")
            }
            Rejection::UnknownToken => write!(
                f,
                "the coordinator at {url} does not know the token{in_file}; it was rotated, or is another coordinator's: {copy}"
            ),
            Rejection::WrongRole => {
                write!(f, "the token{in_file} is not one for a {role}: {give}")
            }
            Rejection::ProtocolVersion { message } => write!(f, "the coordinator at {url} refused: {message}"),
            Rejection::UnknownAuthority => match file {
                Some(file) => {
                    write!(f, "the certificate of the coordinator at {url} is not of the CA in {file}: {copy}")
                }
                None => write!(
                    f,
                    "the certificate of the coordinator at {url} is of no authority that this machine trusts: {give}"
                ),
            },
            Rejection::Expired => write!(
                f,
                "the certificate of the coordinator at {url} has expired: renew the one that it was given with --tls-cert, or compare the clocks of both machines"
            ),
            Rejection::NotValidYet => write!(
                f,
                "the certificate of the coordinator at {url} is not valid yet: compare the clocks of both machines"
            ),
            Rejection::OtherName { names } => {
                let host = url.parse::<tonic::transport::Uri>().ok();
                let host = host.as_ref().and_then(|uri| uri.host()).unwrap_or("HOST");
                let names = if names.is_empty() { "other hosts".to_owned() } else { names.join(", ") };
                write!(
                    f,
                    "the certificate of the coordinator at {url} is for {names}: dial one of these with --coordinator, or start the coordinator with --host {host}"
                )
            }
            Rejection::SpeaksTls => {
                write!(f, "the port of {url} speaks TLS: use https:// in --coordinator, and {give}")
            }
            Rejection::SpeaksPlaintext => write!(
                f,
                "the port of {url} does not speak TLS: use http:// in --coordinator, or start the coordinator with --tls"
            ),
            Rejection::InvalidCa { reason } => write!(f, "the CA{in_file} is no certificate ({reason}): {copy}"),
            Rejection::Tls { reason } => {
                write!(
                    f,
                    "no TLS with the coordinator at {url} ({reason}): compare its --tls-cert with the CA{in_file}"
                )
            }
        }
    }
}
