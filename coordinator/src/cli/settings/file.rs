//! The config file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde::Deserialize;
use toml::Spanned;

use super::Location;
use crate::cli::output::OutputFormat;
use patchsweep_plan::source::{Source, SourceError};
use patchsweep_process::log::LogFormat;

/// Most bytes of a config file.
const MOST_BYTES: u64 = 1 << 16;

/// Every key.
const WORDS: &[&str] = &["coordinator", "credentials", "state", "models", "output", "log_format"];

/// Why a config file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ConfigError {
    #[error("cannot read the config file {}; mend that, or name another with {}", .path.display(), super::STATED_BY)]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", .path.display())]
    Invalid { path: PathBuf, source: SourceError },
}

/// What a config file says.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<&'static str, Vec<String>>,
}

/// The file as it stands. Unknown keys are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    coordinator: Option<Spanned<String>>,
    credentials: Option<String>,
    state: Option<String>,
    #[serde(default)]
    models: Vec<String>,
    output: Option<Spanned<String>>,
    log_format: Option<Spanned<String>>,
}

impl ConfigFile {
    /// Reads it; where none was named and there is none, it says nothing.
    pub(in crate::cli) fn read(location: &Location) -> Result<Self, ConfigError> {
        let Some(path) = location.path() else { return Ok(Self::default()) };
        let mut text = String::new();
        match File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text)) {
            Ok(_) => Self::parse(path, &text, etcetera::home_dir().ok().as_deref()),
            Err(error) if error.kind() == ErrorKind::NotFound && matches!(location, Location::Usual(_)) => {
                Ok(Self::default())
            }
            Err(source) => Err(ConfigError::Unreadable { path: path.clone(), source }),
        }
    }

    /// Reads its text. Paths in it are relative to its folder; `~/` is the home directory.
    pub(super) fn parse(path: &Path, text: &str, home: Option<&Path>) -> Result<Self, ConfigError> {
        let source = Source::of("config", WORDS, text.to_owned());
        let invalid = |source| ConfigError::Invalid { path: path.to_owned(), source };
        let keys: Keys = toml::from_str(text).map_err(|error| invalid(source.toml_error(&error)))?;
        if let Some(url) = &keys.coordinator
            && let Err(error) = patchsweep_link::endpoint::coordinator(url.get_ref())
        {
            return Err(invalid(source.error(url.span(), error.to_string())));
        }
        one_of::<OutputFormat>(&source, keys.output.as_ref()).map_err(invalid)?;
        one_of::<LogFormat>(&source, keys.log_format.as_ref()).map_err(invalid)?;
        let path_of = |value: String| absolute(&value, path, home);
        let text_of = |value: Spanned<String>| value.into_inner();
        let values = [
            ("coordinator", keys.coordinator.map(text_of).into_iter().collect()),
            ("credentials", keys.credentials.map(path_of).into_iter().collect()),
            ("state", keys.state.map(path_of).into_iter().collect()),
            ("models", keys.models.into_iter().map(path_of).collect()),
            ("output", keys.output.map(text_of).into_iter().collect()),
            ("log_format", keys.log_format.map(text_of).into_iter().collect()),
        ];
        Ok(Self { path: path.to_owned(), values: values.into() })
    }

    /// What it says of a setting; nothing, if it does not speak of it.
    pub(in crate::cli) fn values(&self, key: &str) -> &[String] {
        self.values.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// The file.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }
}

fn one_of<T: ValueEnum>(source: &Source, value: Option<&Spanned<String>>) -> Result<(), SourceError> {
    let Some(value) = value else { return Ok(()) };
    let word = value.get_ref();
    if T::from_str(word, false).is_ok() {
        return Ok(());
    }
    let possible: Vec<_> = T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
    let names: Vec<&str> = possible.iter().map(PossibleValue::get_name).collect();
    Err(source.word_error(value.span(), format!("unknown value `{word}`"), word, &names))
}

fn absolute(value: &str, file: &Path, home: Option<&Path>) -> String {
    let path = match (value.strip_prefix("~/"), home, file.parent()) {
        (Some(rest), Some(home), _) => home.join(rest),
        (_, _, Some(folder)) => folder.join(value),
        _ => value.into(),
    };
    std::path::absolute(&path).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::SETTINGS;
    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
        ConfigFile::parse(Path::new("/etc/c.toml"), text, Some(Path::new("/home/ada")))
    }

    fn refusal(text: &str) -> String {
        patchsweep_core::error_chain(&parse(text).expect_err("refused"))
    }

    #[test]
    fn its_keys_are_the_settings() {
        assert_eq!(SETTINGS.map(|setting| setting.key), WORDS);
    }

    #[test]
    fn paths_are_relative_to_the_file_or_to_the_home_directory() {
        let file = parse("credentials = \"~/c\"\nstate = \"s\"\nmodels = [\"/m\"]").expect("a config file");
        assert_eq!(file.values("credentials"), ["/home/ada/c"]);
        assert_eq!(file.values("state"), ["/etc/s"]);
        assert_eq!(file.values("models"), ["/m"]);
        assert!(file.values("output").is_empty());
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_line_and_the_nearest_word() {
        let message = refusal("output = \"json\"\ncoordinater = \"http://a\"");
        assert!(message.starts_with("/etc/c.toml: config line 2, column 1: unknown field `coordinater`"), "{message}");
        assert!(message.contains("\n  | ^^^^^^^^^^^\ndid you mean `coordinator`?"), "{message}");
        let message = refusal("output = \"jsn\"");
        assert!(
            message.contains("line 1, column 10: unknown value `jsn`") && message.contains("did you mean `json`?"),
            "{message}"
        );
        assert!(refusal("log_format = \"xml\"").contains("valid: `text`, `json`"));
        assert!(refusal("coordinator = \"head-node\"").contains("column 15: an address begins with http://"));
        assert!(refusal("models = \"m\"").contains("expected a list"));
        assert!(refusal("state = ").contains("line 1, column "));
    }

    #[test]
    fn a_token_in_it_is_refused_and_not_shown() {
        let message = refusal("token = \"psc_00ffee\"");
        assert!(message.contains("unknown field `token`") && !message.contains("00ffee"), "{message}");
    }

    #[test]
    fn only_a_file_that_was_named_must_be_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.toml");
        assert!(ConfigFile::read(&Location::Usual(path.clone())).is_ok());
        let named = ConfigFile::read(&Location::Named(path)).expect_err("it is missing").to_string();
        assert!(named.contains("config.toml") && named.contains("PATCHSWEEP_CONFIG"), "{named}");
    }
}
