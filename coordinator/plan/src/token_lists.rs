//! The JSON file that `tokens = "…"` names, as it stands.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::columns::Wanted;
use super::rows::Rows;

const CLEAN: &str = "clean";
const CORRUPTED: &str = "corrupted";

/// Keys with a list of token ids for each prompt, besides those that the spec names.
const LISTS: [&str; 3] = [CLEAN, "answers", "wrong"];

/// Lists of token ids by their keys.
#[derive(Default)]
pub(super) struct TokenFile {
    /// \[prompts\]\[any\]; `clean` is always there.
    pub(super) lists: BTreeMap<String, Rows>,
    /// \[iterations\]\[prompts\]\[positions\]; may be missing where nothing needs it.
    pub(super) corrupted: Option<Vec<Rows>>,
}

impl TokenFile {
    /// From the file's text; keys that neither the form nor the spec knows are refused.
    pub(super) fn parse(text: &str, wanted: &Wanted<'_>) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let file = reader.deserialize_map(Keys { wanted })?;
        reader.end()?;
        Ok(file)
    }

    /// Keys that hold a list for each prompt.
    pub(super) fn keys(&self) -> Vec<&str> {
        self.lists.keys().map(String::as_str).collect()
    }
}

/// By hand, because the spec names keys, and because lists may be large.
struct Keys<'a> {
    wanted: &'a Wanted<'a>,
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = TokenFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<TokenFile, A::Error> {
        let mut file = TokenFile::default();
        let mut seen = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format!("two keys are called `{key}`")));
            }
            if key == CORRUPTED {
                file.corrupted = entries.next_value()?;
            } else if LISTS.contains(&key.as_str()) || self.wanted.names(&key) {
                let rows: Option<Rows> = entries.next_value()?;
                file.lists.extend(rows.map(|rows| (key.clone(), rows)));
            } else {
                let known = LISTS.into_iter().chain([CORRUPTED]).chain(self.wanted.named());
                let known: Vec<String> = known.map(|key| format!("`{key}`")).collect();
                return Err(A::Error::custom(format!("unknown key `{key}`, not one of {}", known.join(", "))));
            }
            seen.push(key);
        }
        if file.lists.contains_key(CLEAN) { Ok(file) } else { Err(A::Error::custom("no key `clean`")) }
    }
}
