//! What protects the page's readers: headers for the browser, and names that it may be reached by.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};

/// Own files only; no inline script, no frame, no form.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // What is shown is of this moment, and files change with the program.
    (CACHE_CONTROL, "no-store"),
];

/// Adds the headers.
pub(super) async fn protect(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuses requests to other names than `localhost` and addresses.
///
/// For a page on loopback: otherwise a web page from elsewhere could have its own name lead to this machine and read what
/// is here (DNS rebinding).
pub fn only_local_names(router: Router) -> Router {
    router.layer(middleware::from_fn(refuse_other_names))
}

async fn refuse_other_names(request: Request, next: Next) -> Response {
    let named = request.headers().get(HOST).map(HeaderValue::to_str).and_then(Result::ok);
    if named.is_some_and(is_local) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "reach this page as localhost, or by address\n").into_response()
}

/// Of `name`, `name:port`, `1.2.3.4:port`, `[::1]:port`.
fn is_local(host: &str) -> bool {
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let name = without_port.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_not_local() {
        for host in ["localhost", "LOCALHOST:7071", "127.0.0.1:7071", "[::1]:7071", "[::1]", "10.0.0.3"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["evil.example", "evil.example:7071", "localhost.evil.example", "127.0.0.1.evil.example:80", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}
