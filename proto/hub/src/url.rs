//! Addresses of the hub, and where it redirects to.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::Uri;

/// What stays as it is in one part of a path.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is known of a repository as of a revision.
pub(crate) fn listing(endpoint: &str, repository: &str, revision: &str) -> String {
    format!("{endpoint}/api/models/{}/revision/{}", path(repository), part(revision))
}

/// A file as of a revision.
pub(crate) fn file(endpoint: &str, repository: &str, revision: &str, name: &str) -> String {
    format!("{endpoint}/{}/resolve/{}/{}", path(repository), part(revision), part(name))
}

/// A page for people.
pub(crate) fn page(endpoint: &str, repository: &str) -> String {
    format!("{endpoint}/{}", path(repository))
}

/// A branch may have slashes, which are no separators here.
fn part(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

fn path(text: &str) -> String {
    text.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Where a redirection leads; `None`: nowhere that is understood.
pub(crate) fn joined(from: &Uri, location: &str) -> Option<Uri> {
    let whole = match location.strip_prefix("//") {
        Some(rest) => format!("{}://{rest}", from.scheme_str()?),
        None if location.starts_with('/') => format!("{}://{}{location}", from.scheme_str()?, from.authority()?),
        None => location.to_owned(),
    };
    whole.parse().ok().filter(is_http)
}

/// Whether it can be asked for.
pub(crate) fn is_http(uri: &Uri) -> bool {
    uri.authority().is_some() && matches!(uri.scheme_str(), Some("http" | "https"))
}

/// Whether both are of one host: what one may see, the other may.
pub(crate) fn is_same_host(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme() && one.authority() == other.authority()
}

/// The host, as people know it.
pub(crate) fn host(uri: &Uri) -> String {
    let authority = uri.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    authority.unwrap_or_default().to_owned()
}

/// An address without its query, where signatures stand.
pub(crate) fn without_query(uri: &Uri) -> String {
    uri.to_string().split('?').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("an address")
    }

    #[test]
    fn names_are_parts_of_the_path_whatever_stands_in_them() {
        assert_eq!(file("http://h", "a/b", "refs/pr/1", "x y"), "http://h/a/b/resolve/refs%2Fpr%2F1/x%20y");
        assert_eq!(listing("http://h", "gpt2", "main"), "http://h/api/models/gpt2/revision/main");
        assert_eq!(page("http://h", "a?/b#"), "http://h/a%3F/b%23");
    }

    #[test]
    fn redirections_lead_to_other_hosts_or_stay() {
        let from = uri("https://h:1/a/b?c=d");
        let to = |location: &str| joined(&from, location).map(|uri| uri.to_string());
        assert_eq!(to("/x?y=1").as_deref(), Some("https://h:1/x?y=1"));
        assert_eq!(to("http://cdn/x").as_deref(), Some("http://cdn/x"));
        assert_eq!(to("//cdn/x").as_deref(), Some("https://cdn/x"));
        for nowhere in ["x", "", "ftp://h/x", "https://"] {
            assert_eq!(to(nowhere), None, "{nowhere}");
        }
        assert!(is_same_host(&from, &uri("https://h:1/x")));
        for other in ["https://h/x", "http://h:1/x", "https://h.evil:1/x"] {
            assert!(!is_same_host(&from, &uri(other)), "{other}");
        }
    }

    #[test]
    fn secrets_in_addresses_are_not_shown() {
        let signed = uri("https://me:word@cdn:1/x?Signature=secret");
        assert_eq!(host(&signed), "cdn:1");
        assert_eq!(without_query(&uri("https://cdn/x?Signature=secret")), "https://cdn/x");
    }
}
