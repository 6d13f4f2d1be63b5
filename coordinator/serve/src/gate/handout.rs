//! Tokens are made here, and written into the files that workers and clients are given.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use patchsweep_link::credentials::{Credentials, Role, TOKEN_BYTES, Token};
use patchsweep_link::endpoint;
use rand::TryRngCore;
use rand::rngs::OsRng;

use super::tokens::{self, Tokens};
use super::{GateError, files, tokens_path};

/// The file that workers or clients of that state directory are given.
#[must_use]
pub fn credentials_path(state: &Path, role: Role) -> PathBuf {
    state.join(role.file_name())
}

/// Makes a new token of that role; the one before counts for `keep_old` longer. A running coordinator takes it at once.
pub fn rotate(state: &Path, role: Role, keep_old: Duration) -> Result<PathBuf, GateError> {
    let never = |_| GateError::NeverServed { state: state.to_owned() };
    let public = Credentials::read(&connect_path(state)).map_err(never)?;
    let mut tokens = current(state)?;
    let token = draw(role)?;
    tokens.replace(&token, SystemTime::now(), keep_old);
    files::write_private(&tokens_path(state), &tokens.to_text())?;
    let path = credentials_path(state, role);
    files::write_private(&path, &text(&Credentials { token: Some(token), ..public }))?;
    Ok(path)
}

/// Makes tokens and credentials files that the state directory lacks, and puts address and CA into those that it has.
pub(super) fn prepare(state: &Path, url: &str, ca: Option<&str>) -> Result<(), GateError> {
    let coordinator = endpoint::coordinator(url).map_err(|_| GateError::HostName { name: url.to_owned() })?;
    let public = Credentials { coordinator, ca: ca.map(str::to_owned), token: None };
    files::write_private(&connect_path(state), &public.to_text())?;
    let mut tokens = current(state)?;
    for role in Role::ALL {
        let path = credentials_path(state, role);
        let token = if tokens.has(role) {
            // The coordinator knows a token's hash only: if the file is gone, so is the token.
            let Some(token) = Credentials::read(&path).ok().and_then(|kept| kept.token) else { continue };
            token
        } else {
            let token = draw(role)?;
            tokens.replace(&token, SystemTime::now(), Duration::ZERO);
            token
        };
        files::write_private(&path, &text(&Credentials { token: Some(token), ..public.clone() }))?;
    }
    // Last: a token that counts is in a file.
    files::write_private(&tokens_path(state), &tokens.to_text())
}

fn current(state: &Path) -> Result<Tokens, GateError> {
    let path = tokens_path(state);
    if path.exists() { tokens::read(&path) } else { Ok(Tokens::default()) }
}

fn connect_path(state: &Path) -> PathBuf {
    state.join("connect.toml")
}

fn text(credentials: &Credentials) -> String {
    format!("# A program that has this file is let in by the coordinator: keep it secret.\n{}", credentials.to_text())
}

fn draw(role: Role) -> Result<Token, GateError> {
    let mut random = [0; TOKEN_BYTES];
    OsRng.try_fill_bytes(&mut random)?;
    Ok(Token::new(role, random))
}

#[cfg(test)]
mod tests {
    use super::super::tokens::TokenHash;
    use super::*;

    const URL: &str = "https://head-node:7070";

    fn token(state: &Path, role: Role) -> Token {
        Credentials::read(&credentials_path(state, role)).expect("credentials").token.expect("a token")
    }

    fn allows(state: &Path, token: &Token) -> Option<Role> {
        current(state).expect("tokens").role(&TokenHash::of(token.secret()), SystemTime::now())
    }

    #[test]
    fn the_first_start_makes_tokens_and_later_ones_keep_them() {
        let state = tempfile::tempdir().expect("a folder");
        prepare(state.path(), URL, Some("CA")).expect("made");
        let made = Role::ALL.map(|role| token(state.path(), role));
        assert_eq!(made.each_ref().map(|token| allows(state.path(), token)), Role::ALL.map(Some));
        prepare(state.path(), "https://other:1", Some("CA 2")).expect("kept");
        assert_eq!(Role::ALL.map(|role| token(state.path(), role)), made);
        let worker = Credentials::read(&credentials_path(state.path(), Role::Worker)).expect("credentials");
        assert_eq!((worker.coordinator.uri().host(), worker.ca.as_deref()), (Some("other"), Some("CA 2")));
    }

    #[test]
    fn a_rotated_token_replaces_that_of_its_role_only() {
        let state = tempfile::tempdir().expect("a folder");
        assert!(matches!(rotate(state.path(), Role::Worker, Duration::ZERO), Err(GateError::NeverServed { .. })));
        prepare(state.path(), URL, None).expect("made");
        let [worker, client] = Role::ALL.map(|role| token(state.path(), role));
        rotate(state.path(), Role::Worker, Duration::ZERO).expect("rotated");
        assert_eq!(allows(state.path(), &worker), None);
        assert_eq!(allows(state.path(), &token(state.path(), Role::Worker)), Some(Role::Worker));
        assert_eq!(allows(state.path(), &client), Some(Role::Client));
        assert_eq!(token(state.path(), Role::Client), client);
    }

    #[test]
    fn a_token_whose_file_is_gone_is_not_made_anew_by_itself() {
        let state = tempfile::tempdir().expect("a folder");
        prepare(state.path(), URL, None).expect("made");
        let path = credentials_path(state.path(), Role::Client);
        std::fs::remove_file(&path).expect("removed");
        prepare(state.path(), URL, None).expect("kept");
        assert!(!path.exists());
        rotate(state.path(), Role::Client, Duration::ZERO).expect("rotated");
        assert!(path.exists());
    }
}
