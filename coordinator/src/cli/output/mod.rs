//! What a command says on stdout: a table for people, JSON for programs, or ids only for shells.

mod format;
mod printer;

use std::io::{self, Write};

use serde_json::{Map, Value};

pub(super) use format::{OutputFormat, wanted};
pub(super) use printer::Printer;

/// Counts up when a field of a command's JSON changes its meaning or goes; new fields do not count.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// What a command has to say.
pub(super) trait Output {
    /// For people and `awk`.
    fn table(&self, out: &mut dyn Write) -> io::Result<()>;

    /// The fields of the command's JSON object; `schema_version` comes from the printer.
    fn json(&self) -> Map<String, Value>;

    /// What a shell needs for its next command: ids, one on each line.
    fn quiet(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// The fields of an object that `json!` made; of anything else, none.
pub(super) fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
