//! `patchsweep completions`

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::{Map, Value, json};

use super::output::{self, Output, Printer};
use super::{Args, CliError};

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs, printer: &Printer) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "patchsweep", &mut script);
    printer.print(&Script { shell: args.shell, text: String::from_utf8_lossy(&script).into_owned() })
}

struct Script {
    shell: Shell,
    text: String,
}

impl Output for Script {
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }

    fn json(&self) -> Map<String, Value> {
        output::fields(json!({ "shell": self.shell.to_string(), "script": self.text }))
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.table(out)
    }
}
