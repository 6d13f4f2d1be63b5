//! Why there is no gate.

use std::io;
use std::path::PathBuf;

/// Why there is no gate.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// A file or directory of the state directory.
    #[error("cannot {doing} {}", .path.display())]
    File {
        /// Read, write, create.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A secret that others can read.
    #[error("{} can be read by others than its owner: chmod 600 it, and if they may have read it, replace it", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// A file that does not hold what it should.
    #[error("{} is not {what} ({reason}); {remedy}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Not a name that a certificate can have.
    #[error("`{name}` is neither a host name nor an address; give --host another")]
    HostName {
        /// As given.
        name: String,
    },
    /// Certificate and key are not of each other.
    #[error("the private key in {} is not that of the certificate in {}", .key.display(), .certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[from] rand::rand_core::OsError),
    /// No certificate could be made.
    #[error("cannot make a certificate")]
    Issue(#[from] rcgen::Error),
    /// The state directory has no address and CA for credentials files yet.
    #[error("{} has no tokens yet: `patchsweep serve --state` makes them at its first start with TLS", .state.display())]
    NeverServed {
        /// The state directory.
        state: PathBuf,
    },
}
