//! Asks the hub. The token is shown to its own host only: large files lie on others, whose addresses are secrets themselves.

use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::environment::Token;
use crate::error::HubError;
use crate::url;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(20);

/// How long the beginning of an answer may take.
const ANSWER: Duration = Duration::from_mins(1);

/// How long the rest of it may take. A transfer that is longer goes on with another request.
const BODY: Duration = Duration::from_mins(2);

/// Redirections that are followed.
const MOST_REDIRECTIONS: usize = 8;

/// Asks the hub.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    pub(crate) endpoint: String,
    home: Uri,
    token: Option<Token>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// What is there.
    Whole,
    /// Bytes from the first to the second, both included.
    Range(u64, u64),
    /// About a file that may lie elsewhere, whereupon the answer is the redirection.
    About,
}

/// An answer, and where it is from.
pub(crate) struct Answer {
    pub(crate) response: Response<Body>,
    pub(crate) from: Uri,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Where it redirects to.
    pub(crate) fn redirection(&self) -> Option<Uri> {
        let is_one = matches!(self.status(), 301 | 302 | 303 | 307 | 308);
        url::joined(&self.from, self.header("location").filter(|_| is_one)?)
    }

    /// What is wrong with it.
    pub(crate) fn strange(&self, what: impl Into<String>) -> HubError {
        HubError::Answer { address: url::without_query(&self.from), what: what.into() }
    }
}

impl Client {
    pub(crate) fn new(endpoint: &str, token: Option<Token>) -> Result<Self, HubError> {
        let home = endpoint.parse().ok().filter(url::is_http);
        let home = home.ok_or_else(|| HubError::Endpoint { endpoint: endpoint.to_owned() })?;
        let found = rustls_native_certs::load_native_certs().certs;
        let roots: Vec<_> = found.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .user_agent(concat!("patchsweep/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_recv_body(Some(BODY));
        Ok(Self { agent: config.build().into(), endpoint: endpoint.to_owned(), home, token })
    }

    /// Whether the hub learns who asks.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Asks, and follows redirections.
    pub(crate) fn ask(&self, address: &str, ask: Ask) -> Result<Answer, HubError> {
        let mut from: Uri = address.parse().map_err(|_| HubError::Endpoint { endpoint: self.endpoint.clone() })?;
        let mut redirections = 0;
        loop {
            let unreachable = |source| HubError::Unreachable { host: url::host(&from), source: Box::new(source) };
            let response = self.send(&from, ask).map_err(unreachable)?;
            let answer = Answer { response, from };
            match answer.redirection() {
                Some(_) if redirections == MOST_REDIRECTIONS => return Err(answer.strange("redirections without end")),
                Some(to) if ask != Ask::About || url::is_same_host(&answer.from, &to) => from = to,
                _ => return Ok(answer),
            }
            redirections += 1;
        }
    }

    fn send(&self, to: &Uri, ask: Ask) -> Result<Response<Body>, ureq::Error> {
        let mut request = if ask == Ask::About { self.agent.head(to) } else { self.agent.get(to) };
        // Lengths and ranges are those of the file itself.
        request = request.header("Accept-Encoding", "identity");
        if let Ask::Range(first, last) = ask {
            request = request.header("Range", format!("bytes={first}-{last}"));
        }
        if let Some(token) = self.token.as_ref().filter(|_| url::is_same_host(&self.home, to)) {
            request = request.header("Authorization", token.bearer());
        }
        request.call()
    }
}
