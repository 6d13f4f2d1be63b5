//! The client's side of TLS: which authorities count, and what a failed handshake means.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::Rejection;

/// What gRPC is called in a handshake.
const HTTP_2: &[u8] = b"h2";

/// Trusts that CA, or without one those that this machine trusts.
pub(super) fn client(ca: Option<&str>) -> Result<Arc<ClientConfig>, Rejection> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            let invalid = |error: &dyn Error| Rejection::InvalidCa { reason: error.to_string() };
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate.map_err(|error| invalid(&error))?).map_err(|error| invalid(&error))?;
            }
            if roots.is_empty() {
                return Err(Rejection::InvalidCa { reason: "no certificate in it".to_owned() });
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions of TLS");
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![HTTP_2.to_vec()];
    Ok(Arc::new(config))
}

/// What to mend, if TLS is what failed. Looks at the errors' types along their causes, never at their text.
pub(super) fn rejection(error: &(dyn Error + 'static)) -> Option<Rejection> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(of_tls(error));
        }
        // The cause of an `io::Error` is the cause of what it wraps, so what it wraps has to be asked for.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

fn of_tls(error: &rustls::Error) -> Rejection {
    match error {
        rustls::Error::InvalidCertificate(error) => of_certificate(error),
        rustls::Error::InvalidMessage(_) => Rejection::SpeaksPlaintext,
        error => Rejection::Tls { reason: error.to_string() },
    }
}

fn of_certificate(error: &CertificateError) -> Rejection {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Rejection::UnknownAuthority,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Rejection::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Rejection::NotValidYet,
        CertificateError::NotValidForName => Rejection::OtherName { names: Vec::new() },
        CertificateError::NotValidForNameContext { presented, .. } => {
            Rejection::OtherName { names: presented.iter().map(|name| plain(name).to_owned()).collect() }
        }
        error => Rejection::Tls { reason: error.to_string() },
    }
}

/// The name in what rustls shows of it, such as `DnsName("head-node")`.
fn plain(shown: &str) -> &str {
    let inner = shown.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(shown);
    inner.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_cause_is_found_below_others_by_its_type() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let wrapped = Outer(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(rejection(&wrapped), Some(Rejection::Expired));
        let other = Outer(io::Error::new(io::ErrorKind::InvalidData, "invalid peer certificate: Expired"));
        assert_eq!(rejection(&other), None);
    }

    #[test]
    fn a_ca_that_is_none_is_refused() {
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(client(Some(pem)), Err(Rejection::InvalidCa { .. })), "{pem}");
        }
    }
}
