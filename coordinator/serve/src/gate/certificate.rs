//! The server's certificate: issued by the coordinator's own authority, or the site's. Renewed while serving.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::authority::{Authority, expiry};
use super::files::{self, Stamp};
use super::{GateError, names};

/// How often it is looked whether the certificate is another.
const LOOK: Duration = Duration::from_secs(1);

/// The certificate that callers are shown.
#[derive(Debug)]
pub(super) struct Resolver {
    source: Source,
    current: RwLock<Current>,
}

#[derive(Debug)]
enum Source {
    Own { authority: Box<Authority>, names: BTreeSet<String> },
    Site { chain: PathBuf, key: PathBuf },
}

#[derive(Debug)]
struct Current {
    certified: Arc<CertifiedKey>,
    stamps: (Option<Stamp>, Option<Stamp>),
    looked: Instant,
}

/// Of the coordinator's own authority, which is in that directory; and the authority's PEM.
pub(super) fn own(directory: &Path, hosts: &[String]) -> Result<(Resolver, Option<String>), GateError> {
    let names = names::all(hosts)?;
    let authority = Box::new(Authority::open(directory, SystemTime::now())?);
    let pem = authority.pem().to_owned();
    Ok((Resolver::new(Source::Own { authority, names })?, Some(pem)))
}

/// The site's; and the PEM of its CA.
pub(super) fn site(chain: &Path, key: &Path, ca: Option<&Path>) -> Result<(Resolver, Option<String>), GateError> {
    let pem = ca.map(files::read).transpose()?;
    if let (Some(path), Some(pem)) = (ca, &pem) {
        certificates(path, pem)?;
    }
    let source = Source::Site { chain: chain.to_owned(), key: key.to_owned() };
    Ok((Resolver::new(source)?, pem))
}

impl Resolver {
    fn new(source: Source) -> Result<Self, GateError> {
        source.renew(SystemTime::now())?;
        let current = source.load().or_else(|error| source.replace(error))?;
        Ok(Self { source, current: RwLock::new(current) })
    }

    /// The certificate as it is now; when it cannot be renewed, the one before.
    fn current(&self) -> Arc<CertifiedKey> {
        {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if current.looked.elapsed() < LOOK {
                return Arc::clone(&current.certified);
            }
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.looked = Instant::now();
        let renewed = self.source.renew(SystemTime::now()).and_then(|()| {
            if self.source.stamps() == current.stamps { Ok(None) } else { self.source.load().map(Some) }
        });
        match renewed {
            Ok(None) => {}
            Ok(Some(new)) => {
                tracing::info!("server certificate replaced");
                *current = new;
            }
            Err(error) => {
                let error = patchsweep_core::error_chain(&error);
                tracing::error!(error, "server certificate not renewed; the one before is used");
            }
        }
        Arc::clone(&current.certified)
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl Source {
    fn files(&self) -> (PathBuf, PathBuf) {
        match self {
            Self::Own { authority, .. } => authority.server_files(),
            Self::Site { chain, key } => (chain.clone(), key.clone()),
        }
    }

    fn stamps(&self) -> (Option<Stamp>, Option<Stamp>) {
        let (chain, key) = self.files();
        (Stamp::of(&chain), Stamp::of(&key))
    }

    /// Issues a certificate if that is due; the site renews its own.
    fn renew(&self, now: SystemTime) -> Result<(), GateError> {
        match self {
            Self::Own { authority, names } if authority.is_due(names, now) => authority.issue(names, now),
            Self::Own { .. } | Self::Site { .. } => Ok(()),
        }
    }

    /// A certificate of our own that does not fit its key is the rest of a renewal that was interrupted.
    fn replace(&self, error: GateError) -> Result<Current, GateError> {
        match self {
            Self::Own { authority, names } => {
                authority.issue(names, SystemTime::now())?;
                self.load()
            }
            Self::Site { .. } => Err(error),
        }
    }

    fn load(&self) -> Result<Current, GateError> {
        let stamps = self.stamps();
        let (chain_path, key_path) = self.files();
        let pem = files::read(&chain_path)?;
        let chain = certificates(&chain_path, &pem)?;
        let key = PrivateKeyDer::from_pem_slice(files::read(&key_path)?.as_bytes())
            .map_err(|error| damaged(&key_path, "a private key", error.to_string()))?;
        if expiry(&pem).is_some_and(|expiry| expiry <= SystemTime::now()) {
            tracing::error!(path = %chain_path.display(), "the server's certificate has expired: nobody will connect");
        }
        let certified = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                GateError::Mismatch { certificate: chain_path.clone(), key: key_path.clone() }
            }
            error => damaged(&key_path, "a private key that can be used", error.to_string()),
        })?;
        Ok(Current { certified: Arc::new(certified), stamps, looked: Instant::now() })
    }
}

fn certificates(path: &Path, pem: &str) -> Result<Vec<CertificateDer<'static>>, GateError> {
    let damaged = |reason| damaged(path, "a certificate in PEM", reason);
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| damaged(error.to_string()))?;
    if chain.is_empty() { Err(damaged("no certificate in it".to_owned())) } else { Ok(chain) }
}

fn damaged(path: &Path, what: &'static str, reason: String) -> GateError {
    let remedy = "give another with --tls-cert, --tls-key and --tls-ca, or none for one of the coordinator's own";
    GateError::Damaged { path: path.to_owned(), what, reason, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_does_not_fit_its_key_is_replaced_if_it_is_our_own() {
        let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        own(folder.path(), &[]).expect("made");
        own(other.path(), &[]).expect("made");
        let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
        std::fs::copy(other.path().join("server.key"), &key).expect("copied");
        assert!(matches!(site(&certificate, &key, None), Err(GateError::Mismatch { .. })));
        own(folder.path(), &[]).expect("replaced");
        site(&certificate, &key, None).expect("they fit");
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("a.pem"), folder.path().join("a.key"));
        std::fs::write(&certificate, "nonsense").expect("written");
        std::fs::write(&key, "nonsense").expect("written");
        let error = site(&certificate, &key, None).expect_err("nonsense").to_string();
        assert!(error.contains("a.pem is not a certificate in PEM"), "{error}");
    }
}
