//! The coordinator's address, as clients and workers dial it.

use std::time::Duration;

use tonic::transport::Endpoint;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A coordinator whose machine is gone is noticed within two of these.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Not an address that can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address begins with http:// or https://, for instance https://head-node:7070")]
pub struct EndpointError;

/// A coordinator by its URL, not yet connected. `https` means TLS, `http` none.
pub fn coordinator(url: &str) -> Result<Endpoint, EndpointError> {
    let endpoint: Endpoint = url.parse().map_err(|_| EndpointError)?;
    if !matches!(endpoint.uri().scheme_str(), Some("http" | "https")) || endpoint.uri().host().is_none() {
        return Err(EndpointError);
    }
    Ok(attentive(endpoint))
}

/// Where a coordinator listens unless options say otherwise.
pub(crate) fn local() -> Endpoint {
    attentive(Endpoint::from_static("http://127.0.0.1:7070"))
}

/// Notices when nobody answers, or not any more.
fn attentive(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_scheme_or_of_another_one_are_refused() {
        for url in ["http://127.0.0.1:7070", "https://head-node", "https://[::1]:7070"] {
            assert!(coordinator(url).is_ok(), "{url}");
        }
        for url in ["127.0.0.1:7070", "head-node:7070", "", "ftp://head-node"] {
            assert_eq!(coordinator(url).err(), Some(EndpointError), "{url}");
        }
    }
}
