//! Says things on stdout in the form that was asked for.

use std::io::{self, ErrorKind, Write, stdout};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::{Output, OutputFormat, SCHEMA_VERSION};
use crate::cli::CliError;

/// Says things on stdout in the form that was asked for.
///
/// JSON is one object, so it is held back until the command has ended and nothing, not even an error, can come behind it.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Printer {
    format: OutputFormat,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    fields: Map<String, Value>,
    /// Whether the object is out.
    said: bool,
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

    /// Says it. Who has seen enough and reads no more does not make a command fail.
    pub(in crate::cli) fn print(&self, output: &impl Output) -> Result<(), CliError> {
        match self.format {
            OutputFormat::Json => self.add(output),
            OutputFormat::Table => whole(|out| output.table(out))?,
            OutputFormat::Quiet => whole(|out| output.quiet(out))?,
        }
        Ok(())
    }

    /// Says what only the JSON object has room for.
    pub(in crate::cli) fn add(&self, output: &impl Output) {
        self.hold(output.json());
    }

    /// For a command that goes on: the JSON object goes out now, and nothing more will.
    pub(in crate::cli) fn complete(&self) -> Result<(), CliError> {
        Ok(self.end()?)
    }

    /// The command has ended, perhaps with an error.
    pub(in crate::cli) fn finish(&self, error: Option<Value>) -> io::Result<()> {
        self.hold(error.map(|error| ("error".to_owned(), error)).into_iter().collect());
        self.end()
    }

    fn hold(&self, fields: Map<String, Value>) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).fields.extend(fields);
    }

    fn end(&self) -> io::Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.format != OutputFormat::Json || std::mem::replace(&mut held.said, true) {
            return Ok(());
        }
        let mut object = Map::from_iter([("schema_version".to_owned(), SCHEMA_VERSION.into())]);
        object.append(&mut held.fields);
        whole(|out| writeln!(out, "{:#}", Value::Object(object)))
    }
}

/// All that is said at once, or as much of it as somebody wants to read.
fn whole(say: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    say(&mut text)?;
    let mut out = stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
