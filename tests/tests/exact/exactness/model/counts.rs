//! How often each value of each field was drawn.

use std::collections::BTreeMap;
use std::fmt;

use patchsweep_core::architecture::Architecture;
use serde_json::Value;

/// By path of the field, then by value.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<String, BTreeMap<String, u32>>);

impl Counts {
    pub(crate) fn add(&mut self, architecture: &Architecture) {
        self.walk(String::new(), &serde_json::to_value(architecture).expect("plain data"));
    }

    /// Of an object, whether it is there and which it is of several, and all fields; of a list, all entries alike.
    fn walk(&mut self, path: String, value: &Value) {
        let shown = match value {
            Value::Object(fields) => {
                let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
                names.sort_unstable();
                format!("{{{}}}", names.join(" "))
            }
            Value::Array(entries) => format!("[{}]", entries.len()),
            Value::String(name) => name.clone(),
            plain => plain.to_string(),
        };
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| self.walk(format!("{path}.{name}"), field));
            }
            Value::Array(entries) => entries.iter().for_each(|entry| self.walk(format!("{path}[]"), entry)),
            _ => {}
        }
        *self.0.entry(path).or_default().entry(shown).or_default() += 1;
    }

    /// How often a field had a value.
    pub(crate) fn of(&self, path: &str, value: &str) -> u32 {
        self.0.get(path).and_then(|values| values.get(value)).copied().unwrap_or(0)
    }

    /// Fields that had one value only, but for those that hold others.
    pub(crate) fn constant(&self) -> Vec<&str> {
        let is_drawn =
            |values: &BTreeMap<String, u32>| values.len() > 1 || values.keys().any(|value| value.starts_with('{'));
        self.0.iter().filter(|(_, values)| !is_drawn(values)).map(|(path, _)| path.as_str()).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, values) in &self.0 {
            let values: Vec<String> = values.iter().map(|(value, count)| format!("{value}: {count}")).collect();
            writeln!(f, "{path}: {}", values.join(", "))?;
        }
        Ok(())
    }
}
