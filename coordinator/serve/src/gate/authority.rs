//! The coordinator's own certificate authority.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::TryRngCore;
use rand::rngs::OsRng;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;

use super::GateError;
use super::files;

const DAY: Duration = Duration::from_hours(24);

/// How long the authority counts.
const AUTHORITY_DAYS: u32 = 20 * 365;

/// How long a certificate of the server counts.
const CERTIFICATE_DAYS: u32 = 90;

/// A certificate is renewed when it counts no longer than that.
const RENEWAL_DAYS: u32 = 30;

/// Clocks of other machines may be behind.
const HEAD_START: Duration = DAY;

/// The coordinator's own certificate authority, in a directory.
#[derive(Debug)]
pub(super) struct Authority {
    directory: PathBuf,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The one in that directory, which is made if there is none.
    pub(super) fn open(directory: &Path, now: SystemTime) -> Result<Self, GateError> {
        files::private_directory(directory)?;
        let (certificate, key) = (directory.join("ca.pem"), directory.join("ca.key"));
        // The certificate is written last: without it, a key is the rest of a start that was interrupted.
        if !certificate.exists() {
            make(&certificate, &key, now)?;
        }
        let pem = files::read(&certificate)?;
        let damaged = |path: &Path, what, error: rcgen::Error| {
            let remedy =
                "remove the directory around it, start the coordinator again and hand out the new credentials files";
            GateError::Damaged { path: path.to_owned(), what, reason: error.to_string(), remedy }
        };
        let key_pair = KeyPair::from_pem(&files::read_private(&key)?);
        let key_pair = key_pair.map_err(|error| damaged(&key, "a private key", error))?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key_pair);
        let issuer = issuer.map_err(|error| damaged(&certificate, "a certificate", error))?;
        Ok(Self { directory: directory.to_owned(), pem, issuer })
    }

    /// PEM of its certificate.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// Files of the server's certificate and key.
    pub(super) fn server_files(&self) -> (PathBuf, PathBuf) {
        (self.directory.join("server.pem"), self.directory.join("server.key"))
    }

    /// Whether the server has no certificate for those names that counts for long enough.
    pub(super) fn is_due(&self, names: &BTreeSet<String>, now: SystemTime) -> bool {
        let (certificate, _) = self.server_files();
        let current = files::read(&certificate).ok().and_then(|pem| Facts::of(&pem));
        let authority = Facts::of(&self.pem);
        current.is_none_or(|current| {
            let counts_until = UNIX_EPOCH + Duration::from_secs(current.not_after);
            let other_issuer = authority.is_none_or(|authority| authority.subject != current.issuer);
            other_issuer || current.names != *names || counts_until < now + DAY * RENEWAL_DAYS
        })
    }

    /// Makes a certificate of the server for those names.
    pub(super) fn issue(&self, names: &BTreeSet<String>, now: SystemTime) -> Result<(), GateError> {
        let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, "patchsweep coordinator");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        valid(&mut params, now, CERTIFICATE_DAYS);
        let key_pair = KeyPair::generate()?;
        let signed = params.signed_by(&key_pair, &self.issuer)?;
        let (certificate, key) = self.server_files();
        files::write_private(&key, &key_pair.serialize_pem())?;
        files::write_private(&certificate, &signed.pem())?;
        tracing::info!(path = %certificate.display(), days = CERTIFICATE_DAYS, "server certificate issued");
        Ok(())
    }
}

fn make(certificate: &Path, key: &Path, now: SystemTime) -> Result<(), GateError> {
    let mut params = CertificateParams::default();
    let mut mark = [0; 4];
    OsRng.try_fill_bytes(&mut mark)?;
    // Unlike names, so that an authority is never taken for another one with another key.
    let name = format!("patchsweep authority {:08x}", u32::from_be_bytes(mark));
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now, AUTHORITY_DAYS);
    let key_pair = KeyPair::generate()?;
    let signed = params.self_signed(&key_pair)?;
    files::write_private(key, &key_pair.serialize_pem())?;
    files::write_private(certificate, &signed.pem())
}

fn valid(params: &mut CertificateParams, now: SystemTime, days: u32) {
    params.not_before = (now - HEAD_START).into();
    params.not_after = (now + DAY * days).into();
}

/// What decides whether a certificate is renewed.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    subject: String,
    issuer: String,
    names: BTreeSet<String>,
    /// Seconds since 1970.
    not_after: u64,
}

impl Facts {
    /// `None`: that is no certificate.
    fn of(pem: &str) -> Option<Self> {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        let names = certificate.subject_alternative_name().ok()?;
        let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names.unwrap_or_default(),
            not_after: certificate.validity().not_after.timestamp().try_into().ok()?,
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string());
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string())).ok()
        }
        _ => None,
    }
}

/// When the first certificate of a PEM file ceases to count.
pub(super) fn expiry(pem: &str) -> Option<SystemTime> {
    Facts::of(pem).map(|facts| UNIX_EPOCH + Duration::from_secs(facts.not_after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_renewed_before_it_expires_and_when_the_names_change() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let now = SystemTime::now();
        let authority = Authority::open(folder.path(), now).expect("an authority");
        let ours = names(&["127.0.0.1", "::1", "head-node", "localhost"]);
        assert!(authority.is_due(&ours, now), "there is none");
        authority.issue(&ours, now).expect("issued");
        assert!(!authority.is_due(&ours, now));
        assert!(!authority.is_due(&ours, now + DAY * (CERTIFICATE_DAYS - RENEWAL_DAYS - 1)));
        assert!(authority.is_due(&ours, now + DAY * (CERTIFICATE_DAYS - RENEWAL_DAYS + 1)));
        assert!(authority.is_due(&names(&["head-node"]), now));
        std::fs::write(authority.server_files().0, "nonsense").expect("written");
        assert!(authority.is_due(&ours, now), "damaged");
    }

    #[test]
    fn an_authority_stays_the_same_and_a_new_one_replaces_its_certificates() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let now = SystemTime::now();
        let ours = names(&["head-node"]);
        let first = Authority::open(folder.path(), now).expect("an authority");
        first.issue(&ours, now).expect("issued");
        let again = Authority::open(folder.path(), now).expect("the same");
        assert_eq!(first.pem(), again.pem());
        assert!(!again.is_due(&ours, now));
        std::fs::remove_file(folder.path().join("ca.pem")).expect("removed");
        let other = Authority::open(folder.path(), now).expect("another");
        assert_ne!(first.pem(), other.pem());
        assert!(other.is_due(&ours, now));
    }
}
