//! What the hub means by an answer that is none.

use crate::client::{Answer, Client};
use crate::error::HubError;
use crate::url;

/// What was asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) repository: &'a str,
    pub(crate) revision: &'a str,
}

/// What the hub says of a token that it does not know.
const BAD_TOKEN: &str = "Invalid credentials in Authorization header";

/// Why there is no answer to use.
///
/// The hub answers 401 for repositories that it hides and for those that there are not, unless a token is shown, and 404
/// else.
pub(crate) fn refused(client: &Client, answer: &Answer, about: About<'_>) -> HubError {
    let (status, has_token) = (answer.status(), client.has_token());
    let (endpoint, repository) = (client.endpoint.clone(), about.repository.to_owned());
    let page = url::page(&endpoint, about.repository);
    let message = answer.header("x-error-message").unwrap_or_default();
    match (status, answer.header("x-error-code")) {
        (408 | 429 | 500.., _) => HubError::Busy { host: url::host(&answer.from), status },
        (401, _) if has_token && message.starts_with(BAD_TOKEN) => HubError::Token { endpoint },
        (_, Some("GatedRepo")) | (403, None) => HubError::Gated { repository, page, has_token },
        (_, Some("RevisionNotFound")) => HubError::NoRevision { repository, revision: about.revision.to_owned(), page },
        (_, Some("RepoNotFound")) | (401 | 404, None) => HubError::NoRepository { endpoint, repository, has_token },
        _ if message.is_empty() => answer.strange(format!("status {status}")),
        _ => answer.strange(format!("status {status}: {message}")),
    }
}
