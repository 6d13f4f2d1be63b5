//! What a command says on stdout: a table for people, JSON for programs, or ids only for shells.

use std::io::{self, Write, stdout};

use serde_json::{Map, Value};

use super::CliError;

/// Counts up when a field of a command's JSON changes its meaning or goes; new fields do not count.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// The form of what a command says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum OutputFormat {
    /// For people and `awk`.
    #[default]
    Table,
    /// One JSON object, also when the command fails.
    Json,
    /// Ids only, one on each line.
    Quiet,
}

/// What a command has to say.
pub(super) trait Output {
    /// For people and `awk`.
    fn table(&self, out: &mut dyn Write) -> io::Result<()>;

    /// The fields of the command's JSON object; `schema_version` comes from the printer.
    fn json(&self) -> Map<String, Value>;

    /// What a shell needs for its next command: ids, one on each line.
    fn quiet(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// Says things on stdout in the form that was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Printer {
    pub(super) format: OutputFormat,
}

impl Printer {
    pub(super) fn print(self, output: &impl Output) -> Result<(), CliError> {
        Ok(self.write(output, &mut stdout().lock())?)
    }

    fn write(self, output: &impl Output, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            OutputFormat::Table => output.table(out),
            OutputFormat::Quiet => output.quiet(out),
            OutputFormat::Json => {
                let mut object = Map::from_iter([("schema_version".to_owned(), SCHEMA_VERSION.into())]);
                object.extend(output.json());
                writeln!(out, "{:#}", Value::Object(object))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ids(&'static [&'static str]);

    impl Output for Ids {
        fn table(&self, out: &mut dyn Write) -> io::Result<()> {
            writeln!(out, "{} ids", self.0.len())
        }

        fn json(&self) -> Map<String, Value> {
            Map::from_iter([("ids".to_owned(), self.0.into())])
        }

        fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
            self.0.iter().try_for_each(|id| writeln!(out, "{id}"))
        }
    }

    fn printed(format: OutputFormat) -> String {
        let mut out = Vec::new();
        Printer { format }.write(&Ids(&["a", "b"]), &mut out).expect("memory does not fail");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn each_format_says_the_same_in_its_own_way() {
        assert_eq!(printed(OutputFormat::Table), "2 ids\n");
        assert_eq!(printed(OutputFormat::Quiet), "a\nb\n");
        let json: Value = serde_json::from_str(&printed(OutputFormat::Json)).expect("JSON");
        assert_eq!(json, serde_json::json!({ "schema_version": SCHEMA_VERSION, "ids": ["a", "b"] }));
    }
}
