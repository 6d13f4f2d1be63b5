//! A position, as a spec says it.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A position of a prompt: its number, from 0 or negative from the end, or words.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum Position {
    /// `3`, `-1`
    Number(i64),
    /// `"subject"`, `"subject+1"`, `"end"`, `"end-1"`
    Words(String),
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrWords)
    }
}

struct NumberOrWords;

impl Visitor<'_> for NumberOrWords {
    type Value = Position;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, \"end\" or the name of a position")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Position, E> {
        Ok(Position::Number(number))
    }

    fn visit_str<E: Error>(self, words: &str) -> Result<Position, E> {
        Ok(Position::Words(words.to_owned()))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Words(words) => f.write_str(words),
        }
    }
}
