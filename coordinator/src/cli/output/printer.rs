//! Says things on stdout in the form that was asked for.

use std::io::{self, ErrorKind, Write, stdout};
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Output, OutputFormat, SCHEMA_VERSION, object};
use crate::cli::CliError;
use crate::cli::error::ErrorFields;

/// Says things on stdout in the form that was asked for.
///
/// JSON is one object, so it is held back until the command has ended and nothing, not even an error, can come behind it.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Printer {
    format: OutputFormat,
    held: Arc<Mutex<Held>>,
}

/// What stands in every command's JSON object, beside the command's own fields.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Object {
    /// Counts up when a field changes its meaning or goes.
    schema_version: u32,
    #[serde(flatten)]
    #[schemars(skip)]
    own: Map<String, Value>,
    /// Why the command failed. The fields that it had already stand beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorFields>,
}

#[derive(Debug, Default)]
struct Held {
    fields: Map<String, Value>,
    /// Whether the object is out.
    is_out: bool,
}

impl Printer {
    /// In that form.
    pub(in crate::cli) fn new(format: OutputFormat) -> Self {
        Self { format, held: Arc::default() }
    }

    /// The form.
    pub(in crate::cli) fn format(&self) -> OutputFormat {
        self.format
    }

    /// Prints it. A reader that has seen enough and reads no more does not make a command fail.
    pub(in crate::cli) fn print(&self, output: &impl Output) -> Result<(), CliError> {
        match self.format {
            OutputFormat::Json => self.add(output),
            OutputFormat::Table => whole(|out| output.table(out))?,
            OutputFormat::Quiet => whole(|out| output.quiet(out))?,
        }
        Ok(())
    }

    /// Keeps what only the JSON object has room for.
    pub(in crate::cli) fn add(&self, output: &impl Output) {
        let fields = object(&output.fields());
        self.held.lock().unwrap_or_else(PoisonError::into_inner).fields.extend(fields);
    }

    /// For a command that goes on: the JSON object goes out now, and nothing more will.
    pub(in crate::cli) fn complete(&self) -> Result<(), CliError> {
        Ok(self.finish(None)?)
    }

    /// The command has ended, perhaps with an error.
    pub(in crate::cli) fn finish(&self, error: Option<ErrorFields>) -> io::Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.format != OutputFormat::Json || std::mem::replace(&mut held.is_out, true) {
            return Ok(());
        }
        let own = std::mem::take(&mut held.fields);
        let all = object(&Object { schema_version: SCHEMA_VERSION, own, error });
        whole(|out| writeln!(out, "{:#}", Value::Object(all)))
    }
}

/// Prints a whole text, or as much of it as somebody wants to read.
fn whole(say: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    say(&mut text)?;
    let mut out = stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
