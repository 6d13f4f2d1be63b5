//! A site's own authority and certificates, good and bad.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use tempfile::TempDir;

/// Years from and until which a certificate counts.
pub(crate) type Years = (i32, i32);

/// Long enough for these tests.
pub(crate) const NOW: Years = (2020, 2100);

/// A folder with `ca.pem`, `server.pem` and `server.key`.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// A certificate for that name, that counts in those years.
    pub(crate) fn new(name: &str, years: Years) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "a site's authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_key = KeyPair::generate().expect("a key");
        let ca_pem = ca.self_signed(&ca_key).expect("a certificate").pem();
        fs::write(folder.path().join("ca.pem"), ca_pem).expect("a written file");
        let site = Self { folder };
        site.issue(&Issuer::new(ca, ca_key), name, years);
        site
    }

    fn issue(&self, issuer: &Issuer<'_, KeyPair>, name: &str, (from, until): Years) {
        let mut server = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (server.not_before, server.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = server.signed_by(&key, issuer).expect("a certificate");
        fs::write(self.path("server.key"), key.serialize_pem()).expect("a written file");
        fs::write(self.path("server.pem"), certificate.pem()).expect("a written file");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Arguments of `patchsweep serve`.
    pub(crate) fn args(&self) -> Vec<String> {
        let file = |name| plain(&self.path(name));
        let named = [("--tls-cert", "server.pem"), ("--tls-key", "server.key"), ("--tls-ca", "ca.pem")];
        named.into_iter().flat_map(|(option, name)| [option.to_owned(), file(name)]).collect()
    }
}

fn plain(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}
