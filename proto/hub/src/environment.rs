//! What the environment says of the hub, read as `huggingface_hub` reads it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_files::hub_cache;

use crate::client::Client;
use crate::error::HubError;

const ENDPOINT: &str = "https://huggingface.co";

/// Variables with a token; the first one that is set counts.
const TOKENS: [&str; 2] = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];

/// Variables that forbid to ask the hub; the first one that is set counts.
const OFFLINE: [&str; 2] = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];

/// The hub and its local cache.
#[derive(Debug)]
pub struct Hub {
    pub(crate) client: Client,
    pub(crate) cache: PathBuf,
    /// The variable that forbids to ask it.
    pub(crate) offline: Option<&'static str>,
}

/// Lets its owner in. Never shown.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// What goes into a request's `Authorization`.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Hub {
    /// `HF_ENDPOINT` says where the hub is, `HF_HUB_CACHE` and its like where its cache is, `HF_TOKEN` or the file of
    /// `hf auth login` (`HF_TOKEN_PATH`) who asks, and `HF_HUB_OFFLINE` whether it is asked at all.
    pub fn of_environment() -> Result<Self, HubError> {
        let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let file = || fs::read_to_string(hub_cache::token_file()).ok();
        let client = Client::new(&endpoint(&variable), token(&variable, &file))?;
        Ok(Self { client, cache: hub_cache::folder(), offline: offline(&variable) })
    }

    /// Its local cache.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }
}

type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

fn endpoint(variable: Variable<'_>) -> String {
    let given = variable("HF_ENDPOINT").filter(|given| !given.is_empty());
    given.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/').to_owned()
}

/// That of a variable, or of the file.
fn token(variable: Variable<'_>, file: &dyn Fn() -> Option<String>) -> Option<Token> {
    if variable("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some_and(|value| is_true(&value)) {
        return None;
    }
    let clean = |text: String| Some(text.replace(['\r', '\n'], "").trim().to_owned()).filter(|text| !text.is_empty());
    let set = TOKENS.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    set.and_then(clean).or_else(|| file().and_then(clean)).map(Token)
}

fn offline(variable: Variable<'_>) -> Option<&'static str> {
    let set = |name: &&str| variable(name).is_some_and(|value| !value.is_empty());
    OFFLINE.into_iter().find(set).filter(|name| variable(name).is_some_and(|value| is_true(&value)))
}

fn is_true(value: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
    }

    fn bearer(variables: &[(&str, &str)], file: Option<&str>) -> Option<String> {
        token(&of(variables), &|| file.map(str::to_owned)).map(|token| token.bearer())
    }

    #[test]
    fn a_variable_counts_more_than_the_file_of_a_login() {
        assert_eq!(bearer(&[], None), None);
        assert_eq!(bearer(&[], Some("hf_file\n")).as_deref(), Some("Bearer hf_file"));
        assert_eq!(bearer(&[("HF_TOKEN", " hf_a\r\n")], Some("hf_file")).as_deref(), Some("Bearer hf_a"));
        assert_eq!(bearer(&[("HUGGING_FACE_HUB_TOKEN", "hf_b")], Some("hf_file")).as_deref(), Some("Bearer hf_b"));
        assert_eq!(bearer(&[("HF_TOKEN", "")], Some("hf_file")).as_deref(), Some("Bearer hf_file"));
        assert_eq!(bearer(&[("HF_TOKEN", "hf_a"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")], None), None);
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", Token("hf_secret".into())), "Token");
    }

    #[test]
    fn offline_is_what_huggingface_hub_takes_for_it() {
        for (value, is_offline) in
            [("1", true), ("true", true), ("Yes", true), ("on", true), ("0", false), ("2", false)]
        {
            assert_eq!(offline(&of(&[("HF_HUB_OFFLINE", value)])).is_some(), is_offline, "{value}");
        }
        assert_eq!(offline(&of(&[("TRANSFORMERS_OFFLINE", "1")])), Some("TRANSFORMERS_OFFLINE"));
        // The first one that says anything decides.
        assert_eq!(offline(&of(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")])), None);
    }

    #[test]
    fn the_hub_is_where_the_variable_says() {
        assert_eq!(endpoint(&of(&[])), ENDPOINT);
        assert_eq!(endpoint(&of(&[("HF_ENDPOINT", "http://mirror:8080/")])), "http://mirror:8080");
        assert_eq!(endpoint(&of(&[("HF_ENDPOINT", "")])), ENDPOINT);
    }
}
