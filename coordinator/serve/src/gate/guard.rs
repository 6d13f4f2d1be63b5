//! Checks each request before its body is read.

use std::sync::Arc;

use patchsweep_link::credentials::Role;
use patchsweep_link::refusal::Refusal;
use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::connection::Visitor;
use super::refusals::{Reason, Refusals};
use super::tokens::{TokenFile, TokenHash};

/// What callers of a service have to pass.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    role: Role,
    tokens: Option<Arc<TokenFile>>,
    refusals: Refusals,
}

impl Guard {
    pub(super) fn new(role: Role, tokens: Option<Arc<TokenFile>>, refusals: Refusals) -> Self {
        Self { role, tokens, refusals }
    }

    /// The hash of the token that lets the caller in, if one is needed.
    fn admit(&self, request: &Request<()>) -> Result<Option<TokenHash>, Status> {
        Refusal::refuse_version(request.metadata()).map_err(|status| *status)?;
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let shown = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let Some(secret) = shown.and_then(|shown| shown.strip_prefix("Bearer ")) else {
            return Err(Refusal::NoToken.status("a token is wanted"));
        };
        let hash = TokenHash::of(secret);
        match tokens.role(&hash) {
            None => Err(Refusal::UnknownToken.status("this token is unknown")),
            Some(role) if role != self.role => {
                let text = format!("a {}'s token, not a {}'s", role.name(), self.role.name());
                Err(Refusal::WrongRole.status(text))
            }
            Some(_) => Ok(Some(hash)),
        }
    }
}

impl Interceptor for Guard {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        match self.admit(&request) {
            Ok(token) => {
                if let Some(visitor) = visitor {
                    visitor.admit(token);
                }
                Ok(request)
            }
            Err(status) => {
                if let Some(left_out) = self.refusals.count(Reason::NotAdmitted) {
                    let peer = visitor.map(|visitor| visitor.peer().to_string()).unwrap_or_default();
                    let (role, reason) = (self.role.name(), status.message());
                    tracing::warn!(peer, role, reason, left_out, "request refused");
                }
                Err(status)
            }
        }
    }
}
