//! `patchsweep completions`

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use schemars::JsonSchema;
use serde::Serialize;

use super::output::{Output, Printer};
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

#[derive(Serialize, JsonSchema)]
pub(super) struct CompletionsFields {
    /// As given.
    shell: String,
    /// What the shell is to read.
    script: String,
}

impl Output for Script {
    type Fields = CompletionsFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }

    fn fields(&self) -> CompletionsFields {
        CompletionsFields { shell: self.shell.to_string(), script: self.text.clone() }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.table(out)
    }
}
