//! What a worker or client needs to get in: the coordinator's address, its CA, and a token.

use std::fmt::{self, Write};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use tonic::transport::Endpoint;

use crate::endpoint::{self, EndpointError};

/// Largest credentials file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// To register and compute.
    Worker,
    /// To submit, look, cancel and fetch.
    Client,
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Worker, Self::Client];

    /// As in file names and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Client => "client",
        }
    }

    /// The credentials file that a coordinator writes for it.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Worker => "worker.credentials",
            Self::Client => "client.credentials",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Worker => "psw_",
            Self::Client => "psc_",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.name() == name);
        role.ok_or_else(|| "a role is `worker` or `client`".to_owned())
    }
}

/// A secret that lets its bearer in. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    role: Role,
    text: String,
}

/// Random bytes of a token.
pub const TOKEN_BYTES: usize = 32;

/// Not a token of any coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is `psw_` (worker) or `psc_` (client) and 64 hexadecimal digits")]
pub struct TokenError;

impl Token {
    /// A token of random bytes that the caller has drawn.
    #[must_use]
    pub fn new(role: Role, random: [u8; TOKEN_BYTES]) -> Self {
        let mut text = role.prefix().to_owned();
        for byte in random {
            write!(text, "{byte:02x}").expect("writing to a string does not fail");
        }
        Self { role, text }
    }

    /// What it is for, by its prefix; the coordinator alone decides.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.text
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let role = Role::ALL.into_iter().find(|role| text.starts_with(role.prefix())).ok_or(TokenError)?;
        let digits = &text[role.prefix().len()..];
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 2 * TOKEN_BYTES || !digits.bytes().all(hexadecimal) {
            return Err(TokenError);
        }
        Ok(Self { role, text: text.to_owned() })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}…)", self.role.prefix())
    }
}

/// What a worker or client needs to get in.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Where the coordinator is.
    pub coordinator: Endpoint,
    /// PEM of the CA that the coordinator's certificate must be of; `None`: one that this machine trusts anyway.
    pub ca: Option<String>,
    /// What to show; `None`: nothing.
    pub token: Option<Token>,
}

/// Why there are no credentials in a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not the expected TOML.
    #[error("line {line}: {reason}")]
    Syntax {
        /// From 1.
        line: usize,
        /// What is wrong; never the text itself, which holds a secret.
        reason: String,
    },
    /// No URL.
    #[error("coordinator")]
    Coordinator(#[source] EndpointError),
    /// No token.
    #[error("token")]
    Token(#[source] TokenError),
}

/// Why a credentials file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("cannot read the credentials file {}; copy it from the coordinator's state directory", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing is in it yet.
    #[error("the credentials file {} is empty; copy it from the coordinator's state directory", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{} is not a credentials file; copy it again from the coordinator's state directory", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Somebody may be writing it: it has changed just now.
        is_fresh: bool,
        /// Why.
        source: ParseError,
    },
}

/// So long after it was last written to, a credentials file that cannot be understood may be half a one.
const FRESH: Duration = Duration::from_secs(10);

impl CredentialsError {
    /// Whether the file may still become one that can be used: it is not there yet, or somebody may be writing it.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreadable { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Empty { .. } => true,
            Self::Invalid { is_fresh, .. } => *is_fresh,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialsFile {
    coordinator: String,
    token: Option<String>,
    ca: Option<String>,
}

impl Credentials {
    /// Reads the text of a credentials file.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let file: CredentialsFile = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            ParseError::Syntax { line: before.matches('\n').count() + 1, reason: what(&error) }
        })?;
        let token = file.token.map(|token| token.parse()).transpose().map_err(ParseError::Token)?;
        let coordinator = endpoint::coordinator(&file.coordinator).map_err(ParseError::Coordinator)?;
        Ok(Self { coordinator, ca: file.ca, token })
    }

    /// Reads a credentials file.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        let unreadable = |source| CredentialsError::Unreadable { path: path.to_owned(), source };
        let mut text = String::new();
        let mut file = File::open(path).map_err(unreadable)?;
        (&mut file).take(MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
        if text.trim().is_empty() {
            return Err(CredentialsError::Empty { path: path.to_owned() });
        }
        Self::parse(&text).map_err(|source| {
            let written = file.metadata().and_then(|metadata| metadata.modified()).ok();
            let is_fresh = written.and_then(|at| at.elapsed().ok()).is_some_and(|age| age < FRESH);
            CredentialsError::Invalid { path: path.to_owned(), is_fresh, source }
        })
    }

    /// The text of a credentials file; [`Self::parse`] reads it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut text = format!("coordinator = {}\n", quoted(self.coordinator.uri().to_string().trim_end_matches('/')));
        if let Some(token) = &self.token {
            let _ = writeln!(text, "token = {}", quoted(token.secret()));
        }
        if let Some(ca) = &self.ca {
            let _ = writeln!(text, "ca = {}", quoted(ca));
        }
        text
    }
}

/// Nothing that stands in the file: not the lines behind the first one, which quote it, and not the name of a field, which
/// is the secret where somebody has put that first.
fn what(error: &toml::de::Error) -> String {
    let what = error.message().lines().next().unwrap_or("not TOML");
    let what =
        if what.starts_with("unknown field") { "unknown field; known are coordinator, token and ca" } else { what };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            coordinator: endpoint::coordinator("https://head-node:7070").expect("a URL"),
            ca: Some("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_owned()),
            token: Some(Token::new(Role::Worker, [0xa5; TOKEN_BYTES])),
        }
    }

    #[test]
    fn a_credentials_file_is_read_as_it_was_written() {
        let text = credentials().to_text();
        let read = Credentials::parse(&text).expect("what was written");
        assert_eq!(read.coordinator.uri(), credentials().coordinator.uri());
        assert_eq!((read.ca, read.token), (credentials().ca, credentials().token), "{text}");
    }

    #[test]
    fn a_file_that_is_none_is_refused_by_line_and_without_its_secret() {
        let cases = [
            ("coordinator = \"https://a\"\ntokn = \"psw_secret\"", "line 2: unknown field"),
            ("psw_secret = \"token\"", "line 1: unknown field; known are coordinator"),
            ("token = \"psw_secret\"", "missing field"),
            ("coordinator = \"https://a\"\ntoken = \"psw_secret\"", "token"),
            ("coordinator = \"https://a\"\ntoken = psw_secret", "line 2:"),
            ("coordinator = \"head-node\"", "coordinator"),
            ("\0", "line 1:"),
        ];
        for (text, part) in cases {
            let error = Credentials::parse(text).expect_err(text);
            let message = patchsweep_core::error_chain(&error);
            assert!(message.contains(part) && !message.contains("secret"), "{text:?}: {message}");
        }
    }

    #[test]
    fn a_token_says_its_role_and_never_itself() {
        let token = Token::new(Role::Client, [7; TOKEN_BYTES]);
        assert_eq!(token.secret().parse(), Ok(token.clone()));
        assert_eq!(token.role(), Role::Client);
        assert!(!format!("{token:?}").contains("0707"));
        for text in ["", "psw_", "psw_00", "psx_", &token.secret().to_uppercase(), &format!("{}0", token.secret())] {
            assert_eq!(text.parse::<Token>(), Err(TokenError), "{text}");
        }
    }
}
