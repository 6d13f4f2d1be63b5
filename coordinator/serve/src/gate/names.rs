//! The names by which a coordinator is dialled.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rustls::pki_types::ServerName;

use super::GateError;

/// This machine's name.
#[must_use]
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if is_name(name) { name.to_owned() } else { "localhost".to_owned() }
}

/// Those that the certificate is for: the given ones, this machine's name, and its loopback names.
pub(super) fn all(given: &[String]) -> Result<BTreeSet<String>, GateError> {
    let own = [host_name(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let names = given.iter().cloned().chain(own);
    names
        .map(|name| {
            if !is_name(&name) {
                return Err(GateError::HostName { name });
            }
            Ok(name.parse().map_or(name, |address: IpAddr| address.to_string()))
        })
        .collect()
}

fn is_name(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_for_what_was_given_and_for_this_machine() {
        let names = all(&["head-node.example".to_owned(), "0:0::1".to_owned()]).expect("names");
        for name in ["head-node.example", "localhost", "127.0.0.1", "::1"] {
            assert!(names.contains(name), "{names:?}");
        }
        assert!(!names.contains("0:0::1"), "addresses are written in one way");
        assert!(matches!(all(&["a b".to_owned()]), Err(GateError::HostName { .. })));
    }
}
