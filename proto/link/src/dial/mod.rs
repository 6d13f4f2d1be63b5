//! Dialling a coordinator: TLS, the token with every request, and what to mend when nobody is let in.

mod attended;
mod connector;
mod rejected;
mod tls;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};
use tower::service_fn;

pub use attended::Attended;
pub use rejected::{Rejected, Rejection};

use attended::Connections;

use crate::credentials::{Credentials, CredentialsError, Role, Token};
use crate::endpoint;
use crate::refusal::{Refusal, VERSION_KEY};
use patchsweep_core::RootCause;
use patchsweep_core::trace::{TRACEPARENT, TraceContext};
use patchsweep_proto::PROTOCOL_VERSION;

/// A connection whose requests carry token and protocol version.
pub type Connection = InterceptedService<Attended<Channel>, Bearer>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody answers. May pass.
    #[error("cannot reach the coordinator at {url}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        source: RootCause,
    },
    /// Trying again cannot help.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The credentials file cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// Adds token, protocol version and trace context to every request.
#[derive(Clone, Debug, Default)]
pub struct Bearer {
    authorization: Option<MetadataValue<Ascii>>,
    traceparent: Option<MetadataValue<Ascii>>,
}

impl Bearer {
    /// With that token, or none.
    #[must_use]
    pub fn new(token: Option<&Token>) -> Self {
        let authorization = token.and_then(|token| {
            let mut value: MetadataValue<Ascii> = format!("Bearer {}", token.secret()).parse().ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self { authorization, traceparent: None }
    }

    /// Requests that name no trace context of their own are part of this one.
    #[must_use]
    pub fn with_trace(self, trace: Option<TraceContext>) -> Self {
        Self { traceparent: trace.and_then(|trace| trace.to_string().parse().ok()), ..self }
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(VERSION_KEY, PROTOCOL_VERSION.into());
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        if let Some(traceparent) = self.traceparent.as_ref().filter(|_| !request.metadata().contains_key(TRACEPARENT)) {
            request.metadata_mut().insert(TRACEPARENT, traceparent.clone());
        }
        Ok(request)
    }
}

/// Dials one coordinator, as often as wanted.
#[derive(Clone, Debug)]
pub struct Dialer {
    role: Role,
    /// As of the last time that the credentials file was read.
    coordinator: Endpoint,
    /// Given on the command line: counts more than the credentials file's.
    given: Option<Endpoint>,
    credentials: Option<PathBuf>,
    /// The port answered in TLS to a connection without; hyper keeps no error that says so.
    speaks_tls: Arc<AtomicBool>,
    trace: Option<TraceContext>,
}

impl Dialer {
    /// For that role; the URL and the credentials file as given on the command line.
    pub fn new(
        role: Role,
        coordinator: Option<Endpoint>,
        credentials: Option<PathBuf>,
    ) -> Result<Self, CredentialsError> {
        let mut dialer = Self::patient(role, coordinator, credentials);
        dialer.read_credentials()?;
        Ok(dialer)
    }

    /// The same for a caller that goes on dialling: the credentials file may come later.
    #[must_use]
    pub fn patient(role: Role, coordinator: Option<Endpoint>, credentials: Option<PathBuf>) -> Self {
        Self {
            role,
            coordinator: coordinator.clone().unwrap_or_else(endpoint::local),
            given: coordinator,
            credentials,
            speaks_tls: Arc::default(),
            trace: None,
        }
    }

    /// Requests are part of this trace.
    #[must_use]
    pub fn with_trace(self, trace: TraceContext) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// The coordinator's address.
    #[must_use]
    pub fn url(&self) -> String {
        self.coordinator.uri().to_string().trim_end_matches('/').to_owned()
    }

    /// Reads the credentials file, which says where the coordinator is unless the command line does.
    fn read_credentials(&mut self) -> Result<Option<Credentials>, CredentialsError> {
        let credentials = self.credentials.as_deref().map(Credentials::read).transpose()?;
        if let (None, Some(credentials)) = (&self.given, &credentials) {
            self.coordinator = credentials.coordinator.clone();
        }
        Ok(credentials)
    }

    /// Connects. The credentials file is read each time, so that a rotated token needs no restart.
    pub async fn dial(&mut self) -> Result<Connection, DialError> {
        let credentials = self.read_credentials()?;
        let with_tls = self.coordinator.uri().scheme_str() == Some("https");
        let ca = credentials.as_ref().and_then(|credentials| credentials.ca.as_deref());
        let tls = if with_tls { Some(tls::client(ca).map_err(|why| self.rejected(why))?) } else { None };
        self.speaks_tls = Arc::default();
        let speaks_tls = Arc::clone(&self.speaks_tls);
        let connections = Connections::new();
        let counting = connections.clone();
        let connector =
            service_fn(move |uri: Uri| connector::connect(uri, tls.clone(), Arc::clone(&speaks_tls), counting.count()));
        let channel = self.coordinator.connect_with_connector(connector).await.map_err(|error| {
            let rejected = self.rejection(&error);
            rejected.map_or_else(
                || DialError::Unreachable { url: self.url(), source: RootCause::of(&error) },
                DialError::Rejected,
            )
        })?;
        // A token is never sent where others could read it.
        let token = credentials.and_then(|credentials| credentials.token).filter(|_| with_tls);
        let channel = Attended::new(channel, connections);
        Ok(Connection::new(channel, Bearer::new(token.as_ref()).with_trace(self.trace)))
    }

    /// Whether a coordinator's answer, or the end of the connection, means that trying again cannot help.
    #[must_use]
    pub fn refusal(&self, status: &Status) -> Option<Rejected> {
        if Error::source(status).is_some() || self.speaks_tls.load(Ordering::Relaxed) {
            return self.rejection(status);
        }
        Refusal::of(status).map(|refusal| {
            self.rejected(match refusal {
                Refusal::NoToken => Rejection::NoToken,
                Refusal::UnknownToken => Rejection::UnknownToken,
                Refusal::WrongRole => Rejection::WrongRole,
                Refusal::ProtocolVersion => Rejection::ProtocolVersion { message: status.message().to_owned() },
            })
        })
    }

    fn rejection(&self, error: &(dyn Error + 'static)) -> Option<Rejected> {
        if self.speaks_tls.load(Ordering::Relaxed) {
            return Some(self.rejected(Rejection::SpeaksTls));
        }
        tls::rejection(error).map(|why| self.rejected(why))
    }

    fn rejected(&self, why: Rejection) -> Rejected {
        let file = self.credentials.clone();
        Rejected { url: self.url(), file, role: self.role, why }
    }
}
