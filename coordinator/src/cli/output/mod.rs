//! What a command says on stdout: a table for people, JSON for programs, or ids only for shells.

mod format;
mod printer;

use std::io::{self, Write};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

pub(super) use format::{OutputFormat, wanted};
#[cfg(test)]
pub(super) use printer::Object;
pub(super) use printer::Printer;

/// Counts up when a field of a command's JSON changes its meaning or goes; new fields do not count.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// What a command has to say.
pub(super) trait Output {
    /// The fields of the command's JSON object. `docs/commands.md` lists them with their comments; `reference` says of
    /// which command.
    type Fields: Serialize + JsonSchema;

    /// For people and `awk`.
    fn table(&self, out: &mut dyn Write) -> io::Result<()>;

    /// For programs; what stands in every command's object comes from the printer.
    fn fields(&self) -> Self::Fields;

    /// What a shell needs for its next command: ids, one on each line.
    fn quiet(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// Fields as JSON.
pub(super) fn object(fields: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(fields).expect("fields are plain data") {
        Value::Object(fields) => fields,
        other => unreachable!("fields stand in an object, not in {other}"),
    }
}

/// A path as it stands in JSON.
pub(super) fn path(path: &Path) -> String {
    path.display().to_string()
}

/// A number as it stands in JSON, which has none for what is not finite.
pub(super) fn finite(number: f32) -> Option<f32> {
    Some(number).filter(|number| number.is_finite())
}
