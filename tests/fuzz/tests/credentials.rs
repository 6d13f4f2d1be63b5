//! Credentials files: parsed or refused without a word of the secret, and written as they were read.

use patchsweep_core::error_chain;
use patchsweep_fuzz::{Target, text};
use patchsweep_link::credentials::{Credentials, Token};

const WORDS: &[&str] = &[
    "coordinator",
    "token",
    "ca",
    "http://",
    "https://",
    "https://[::1]:7070",
    "psw_",
    "psc_",
    "psw_0000000000000000000000000000000000000000000000000000000000000000",
    "-----BEGIN CERTIFICATE-----",
];

/// Long enough to be no accident.
const SECRET_DIGITS: usize = 16;

fn feed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Credentials::parse(text) {
        Ok(credentials) => {
            let written = credentials.to_text();
            let again = Credentials::parse(&written).expect("what was written");
            assert_eq!((&again.ca, &again.token), (&credentials.ca, &credentials.token));
            assert_eq!(again.to_text(), written);
            let secret = credentials.token.as_ref().map_or("\0", Token::secret);
            // Certificates are no secret, and what stands in their place may be the token again.
            if !format!("{:?}", credentials.ca).contains(secret) {
                assert!(!format!("{credentials:?}").contains(secret));
            }
        }
        Err(error) => {
            let message = error_chain(&error);
            assert!(!message.is_empty());
            let shown = message.split(|char: char| !char.is_ascii_hexdigit()).map(str::len).max();
            assert!(shown < Some(SECRET_DIGITS), "a secret is shown: {message}");
        }
    }
}

#[test]
fn credentials_are_read_or_refused_without_showing_them() {
    let target = Target::new("credentials", env!("CARGO_TARGET_TMPDIR"), feed);
    target.check(|edits| text::mutated(&target.corpus(), WORDS, edits));
}
