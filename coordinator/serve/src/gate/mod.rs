//! Who gets in: TLS, tokens of two roles, and limits on connections.
//!
//! A [`Gate`] is [`Gate::open`], for loopback addresses, or [`Gate::locked`] with what lies in a state directory:
//!
//! ```text
//! tls/{ca.pem,ca.key,server.pem,server.key}   the coordinator's own authority, unless the site's certificate is used
//! tokens                                      hashes of the tokens that count
//! connect.toml                                address and CA, for new credentials files
//! worker.credentials, client.credentials      what workers and clients are given
//! ```

mod authority;
mod certificate;
mod connection;
mod error;
mod files;
mod guard;
mod handout;
mod incoming;
mod names;
mod refusals;
mod server_tls;
mod tokens;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use patchsweep_link::credentials::Role;
use rustls::ServerConfig;

pub use error::GateError;
pub use handout::{credentials_path, rotate};
pub use names::host_name;

pub(crate) use guard::Guard;
pub(crate) use incoming::incoming;

use refusals::Refusals;
use tokens::TokenFile;

/// Most connections at once unless options say otherwise: room for 1,000 workers and their clients.
pub const MAX_CONNECTIONS: u16 = 1_100;

/// Where certificate and private key of the server come from.
#[derive(Clone, Debug)]
pub enum Certificate {
    /// The coordinator's own authority; these names besides those that it knows of.
    Own {
        /// Host names and addresses by which the coordinator is dialled.
        hosts: Vec<String>,
    },
    /// The site's.
    Site {
        /// PEM of the certificate, and of those between it and the CA.
        chain: PathBuf,
        /// PEM of its private key.
        key: PathBuf,
        /// PEM of the CA, for the credentials files; `None`: one that the callers' machines trust anyway.
        ca: Option<PathBuf>,
    },
}

/// What a locked gate is made of.
#[derive(Clone, Debug)]
pub struct Lock {
    /// The state directory.
    pub state: PathBuf,
    /// Where the certificate comes from.
    pub certificate: Certificate,
    /// URL by which the coordinator is dialled.
    pub url: String,
}

/// Who gets in.
#[derive(Clone, Debug)]
pub struct Gate {
    tls: Option<Arc<ServerConfig>>,
    tokens: Option<Arc<TokenFile>>,
    max_connections: u16,
    refusals: Refusals,
}

impl Gate {
    /// Everybody, in plaintext.
    #[must_use]
    pub fn open() -> Self {
        Self { tls: None, tokens: None, max_connections: MAX_CONNECTIONS, refusals: Refusals::new() }
    }

    /// Callers with a token, over TLS. Makes at the first start what the state directory lacks.
    pub fn locked(lock: &Lock) -> Result<Self, GateError> {
        files::private_directory(&lock.state)?;
        let (resolver, ca) = match &lock.certificate {
            Certificate::Own { hosts } => certificate::own(&lock.state.join("tls"), hosts)?,
            Certificate::Site { chain, key, ca } => certificate::site(chain, key, ca.as_deref())?,
        };
        handout::prepare(&lock.state, &lock.url, ca.as_deref())?;
        let tokens = TokenFile::open(&tokens_path(&lock.state))?;
        let tls = server_tls::config(Arc::new(resolver));
        Ok(Self { tls: Some(tls), tokens: Some(Arc::new(tokens)), ..Self::open() })
    }

    /// Takes so many connections at once.
    #[must_use]
    pub fn with_max_connections(self, max_connections: u16) -> Self {
        Self { max_connections, ..self }
    }

    /// What callers of that role have to pass.
    pub(crate) fn guard(&self, role: Role) -> Guard {
        Guard::new(role, self.tokens.clone(), self.refusals.clone())
    }
}

fn tokens_path(state: &Path) -> PathBuf {
    state.join("tokens")
}
