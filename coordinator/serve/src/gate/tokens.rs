//! The tokens that count, known by their hashes only.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use patchsweep_link::credentials::{Role, Token};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::GateError;
use super::files::{self, Stamp};

/// More than that are not read: rotation drops those that have run out.
const MAX_TOKENS: usize = 64;

/// BLAKE3 of a token's text. Tokens are random, so that no salt is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(secret: &str) -> Self {
        Self(*blake3::hash(secret.as_bytes()).as_bytes())
    }
}

/// The tokens that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    known: Vec<KnownToken>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct KnownToken {
    role: Role,
    hash: TokenHash,
    /// Seconds since 1970 until which it counts; `None`: until it is rotated.
    until: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokensFile {
    #[serde(default)]
    token: Vec<KnownTokenFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownTokenFile {
    role: String,
    blake3: String,
    until: Option<u64>,
}

impl Tokens {
    /// Reads the text of a tokens file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: TokensFile = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if file.token.len() > MAX_TOKENS {
            return Err(format!("more than {MAX_TOKENS} tokens"));
        }
        let known = |read: KnownTokenFile| {
            let hash = blake3::Hash::from_hex(read.blake3).map_err(|error| error.to_string())?;
            Ok::<_, String>(KnownToken {
                role: read.role.parse()?,
                hash: TokenHash(*hash.as_bytes()),
                until: read.until,
            })
        };
        Ok(Self { known: file.token.into_iter().map(known).collect::<Result<_, _>>()? })
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = "# Hashes of the tokens that count; `patchsweep token rotate` replaces one.\n".to_owned();
        for KnownToken { role, hash, until } in &self.known {
            let hash = blake3::Hash::from_bytes(hash.0).to_hex();
            let _ = write!(text, "\n[[token]]\nrole = \"{}\"\nblake3 = \"{hash}\"\n", role.name());
            if let Some(until) = until {
                let _ = writeln!(text, "until = {until}");
            }
        }
        text
    }

    /// Whether there is one for that role that does not run out.
    pub(super) fn has(&self, role: Role) -> bool {
        self.known.iter().any(|known| known.role == role && known.until.is_none())
    }

    /// Makes that token the one of its role; the one before counts for `keep_old` longer.
    pub(super) fn replace(&mut self, token: &Token, now: SystemTime, keep_old: Duration) {
        let (now, role) = (seconds(now), token.role());
        let last = now.saturating_add(keep_old.as_secs());
        for known in self.known.iter_mut().filter(|known| known.role == role) {
            known.until = Some(known.until.map_or(last, |until| until.min(last)));
        }
        self.known.retain(|known| known.until.is_none_or(|until| until > now));
        self.known.push(KnownToken { role, hash: TokenHash::of(token.secret()), until: None });
    }

    /// What a token with that hash allows. Takes equally long whichever it is, and whether it is one.
    pub(super) fn role(&self, hash: &TokenHash, now: SystemTime) -> Option<Role> {
        let now = seconds(now);
        let mut found = None;
        for known in &self.known {
            let same = bool::from(known.hash.0.ct_eq(&hash.0));
            let counts = known.until.is_none_or(|until| until > now);
            if same & counts {
                found = Some(known.role);
            }
        }
        found
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The tokens in a file, as they stand there now.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    read: RwLock<(Option<Stamp>, Tokens)>,
}

impl TokenFile {
    pub(super) fn open(path: &Path) -> Result<Self, GateError> {
        let stamp = Stamp::of(path);
        let tokens = read(path)?;
        Ok(Self { path: path.to_owned(), read: RwLock::new((stamp, tokens)) })
    }

    /// What a token with that hash allows now. A changed file counts at once; where it cannot be read, no token does.
    pub(super) fn role(&self, hash: &TokenHash) -> Option<Role> {
        let stamp = Stamp::of(&self.path);
        let now = SystemTime::now();
        {
            let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
            if read.0 == stamp {
                return read.1.role(hash, now);
            }
        }
        let tokens = read(&self.path).unwrap_or_else(|error| {
            tracing::error!(error = patchsweep_core::error_chain(&error), "no token counts");
            Tokens::default()
        });
        let role = tokens.role(hash, now);
        tracing::info!(path = %self.path.display(), "tokens read anew");
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = (stamp, tokens);
        role
    }
}

pub(super) fn read(path: &Path) -> Result<Tokens, GateError> {
    let remedy = "remove it, start the coordinator again and give workers and clients the new credentials files";
    let text = files::read_private(path)?;
    Tokens::parse(&text).map_err(|reason| {
        let what = "a file of tokens";
        GateError::Damaged { path: path.to_owned(), what, reason, remedy }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn token(role: Role, byte: u8) -> Token {
        Token::new(role, [byte; 32])
    }

    fn role(tokens: &Tokens, token: &Token, at: u64) -> Option<Role> {
        tokens.role(&TokenHash::of(token.secret()), NOW + Duration::from_secs(at))
    }

    #[test]
    fn a_token_allows_its_role_and_no_other_token_anything() {
        let (worker, client) = (token(Role::Worker, 1), token(Role::Client, 2));
        let mut tokens = Tokens::default();
        tokens.replace(&worker, NOW, Duration::ZERO);
        tokens.replace(&client, NOW, Duration::ZERO);
        assert_eq!(role(&tokens, &worker, 0), Some(Role::Worker));
        assert_eq!(role(&tokens, &client, 0), Some(Role::Client));
        assert_eq!(role(&tokens, &token(Role::Worker, 2), 0), None);
        assert_eq!(Tokens::parse(&tokens.to_text()), Ok(tokens.clone()));
        assert!(!tokens.to_text().contains("0101"), "no secret is kept");
    }

    #[test]
    fn a_rotated_token_counts_for_its_grace_and_no_longer() {
        let (old, new, newest) = (token(Role::Worker, 1), token(Role::Worker, 2), token(Role::Worker, 3));
        let mut tokens = Tokens::default();
        tokens.replace(&old, NOW, Duration::ZERO);
        tokens.replace(&new, NOW, Duration::from_mins(10));
        assert_eq!((role(&tokens, &old, 599), role(&tokens, &old, 600)), (Some(Role::Worker), None));
        tokens.replace(&newest, NOW + Duration::from_secs(1), Duration::ZERO);
        for gone in [&old, &new] {
            assert_eq!(role(&tokens, gone, 1), None);
        }
        assert_eq!(tokens.known.len(), 1);
    }

    #[test]
    fn a_changed_file_counts_at_once_and_a_damaged_one_lets_nobody_in() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("tokens");
        let (old, new) = (token(Role::Client, 1), token(Role::Client, 2));
        let mut tokens = Tokens::default();
        tokens.replace(&old, NOW, Duration::ZERO);
        files::write_private(&path, &tokens.to_text()).expect("written");
        let file = TokenFile::open(&path).expect("tokens");
        let allows = |token: &Token| file.role(&TokenHash::of(token.secret()));
        assert_eq!((allows(&old), allows(&new)), (Some(Role::Client), None));
        tokens.replace(&new, SystemTime::now(), Duration::ZERO);
        files::write_private(&path, &tokens.to_text()).expect("written");
        assert_eq!((allows(&old), allows(&new)), (None, Some(Role::Client)));
        files::write_private(&path, "tokens = 3").expect("written");
        assert_eq!(allows(&new), None);
    }

    #[test]
    fn what_is_no_tokens_file_is_refused() {
        let bad = ["x", "[[token]]\nrole = \"worker\"\nblake3 = \"00\"", "[[token]]\nrole = \"root\"\nblake3 = \"\""];
        for text in bad {
            assert!(Tokens::parse(text).is_err(), "{text}");
        }
        assert_eq!(Tokens::parse(""), Ok(Tokens::default()));
    }
}
