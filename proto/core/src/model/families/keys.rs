//! The keys of a `config.json`, one by one. What is missing is what it is in transformers' class of the family; `null` is
//! something.

use serde_json::{Map, Value};

use super::ConfigError;
use crate::architecture::Activation;

/// A `config.json`, or a part of it that has keys of its own.
pub(super) struct Keys<'a>(&'a Map<String, Value>);

impl<'a> Keys<'a> {
    pub(super) fn of(map: &'a Map<String, Value>) -> Self {
        Self(map)
    }

    /// A part with keys of its own, unless it is missing, `null` or empty.
    pub(super) fn part(&self, key: &'static str) -> Result<Option<Self>, ConfigError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => Ok((!map.is_empty()).then_some(Self(map))),
            Some(other) => Err(wrong(key, other, "keys and values")),
        }
    }

    /// Whether there is something under a key, other than `null`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| !value.is_null())
    }

    /// A size.
    pub(super) fn size(&self, key: &'static str, missing: u32) -> Result<u32, ConfigError> {
        self.0.get(key).map_or(Ok(missing), |value| size(key, value))
    }

    /// A size, or `null`.
    pub(super) fn size_or_null(&self, key: &'static str, missing: Option<u32>) -> Result<Option<u32>, ConfigError> {
        self.or_null(key, missing, size)
    }

    /// A number.
    pub(super) fn number(&self, key: &'static str, missing: f64) -> Result<f64, ConfigError> {
        self.0.get(key).map_or(Ok(missing), |value| number(key, value))
    }

    /// A number, or `null`.
    pub(super) fn number_or_null(&self, key: &'static str, missing: Option<f64>) -> Result<Option<f64>, ConfigError> {
        self.or_null(key, missing, number)
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str, missing: bool) -> Result<bool, ConfigError> {
        self.0.get(key).map_or(Ok(missing), |value| value.as_bool().ok_or_else(|| wrong(key, value, "true or false")))
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<&'a str>, ConfigError> {
        self.or_null(key, None, |key, value| value.as_str().ok_or_else(|| wrong(key, value, "a text")))
    }

    /// A list, unless it is missing or `null`.
    pub(super) fn list(&self, key: &'static str) -> Result<Option<&'a [Value]>, ConfigError> {
        self.or_null(key, None, |key, value| {
            value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(key, value, "a list"))
        })
    }

    /// A nonlinearity by its name.
    pub(super) fn activation(&self, key: &'static str, missing: Activation) -> Result<Activation, ConfigError> {
        let Some(value) = self.0.get(key) else { return Ok(missing) };
        serde_json::from_value(value.clone())
            .map_err(|_| self.refused(key, "; supported are gelu, gelu_new, relu and silu"))
    }

    /// A token's id; `None` for whatever else there is.
    pub(super) fn token(&self, key: &str) -> Option<u32> {
        self.0.get(key)?.as_u64().and_then(|id| u32::try_from(id).ok())
    }

    /// Refuses a key that is `true`.
    pub(super) fn refuse_true(&self, key: &'static str, hint: &'static str) -> Result<(), ConfigError> {
        if self.flag_or_null(key)? { Err(self.refused(key, hint)) } else { Ok(()) }
    }

    /// Refuses a key with anything but `null`.
    pub(super) fn refuse_given(&self, key: &'static str, hint: &'static str) -> Result<(), ConfigError> {
        if self.has(key) { Err(self.refused(key, hint)) } else { Ok(()) }
    }

    /// What is under a key is not supported.
    pub(super) fn refused(&self, key: &'static str, hint: &'static str) -> ConfigError {
        ConfigError::Key { key, value: self.0.get(key).map_or_else(|| "missing".to_owned(), shown), hint }
    }

    /// What has a form of its own.
    pub(super) fn value<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<T, ConfigError> {
        Ok(serde_json::from_value(self.0.get(key).cloned().unwrap_or_default())?)
    }

    /// What all keys have.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a Value> {
        self.0.values()
    }

    fn flag_or_null(&self, key: &'static str) -> Result<bool, ConfigError> {
        if self.has(key) { self.flag(key, false) } else { Ok(false) }
    }

    fn or_null<T>(
        &self,
        key: &'static str,
        missing: Option<T>,
        read: impl Fn(&'static str, &'a Value) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        match self.0.get(key) {
            None => Ok(missing),
            Some(Value::Null) => Ok(None),
            Some(value) => read(key, value).map(Some),
        }
    }
}

fn size(key: &'static str, value: &Value) -> Result<u32, ConfigError> {
    let size = value.as_u64().and_then(|size| u32::try_from(size).ok());
    size.ok_or_else(|| wrong(key, value, "a whole number below 2^32"))
}

fn number(key: &'static str, value: &Value) -> Result<f64, ConfigError> {
    value.as_f64().ok_or_else(|| wrong(key, value, "a number"))
}

fn wrong(key: &'static str, value: &Value, wanted: &'static str) -> ConfigError {
    ConfigError::Kind { key, value: shown(value), wanted }
}

/// A value as people may read it in a message.
pub(super) fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::String(text) => format!("`{text}`"),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
