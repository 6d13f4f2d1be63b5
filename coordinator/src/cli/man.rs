//! `patchsweep man`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use schemars::JsonSchema;
use serde::Serialize;

use super::output::{self, Output, Printer};
use super::{Args, CliError};

#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Folder for the pages, one for each command; it must be there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn man(args: &ManArgs, printer: &Printer) -> Result<(), CliError> {
    let mut command = Args::command();
    command.build();
    let mut pages = Vec::new();
    let written = write(&command, &args.out, &mut pages);
    written.map_err(|source| CliError::Pages { folder: args.out.clone(), source })?;
    printer.print(&Pages(pages))
}

/// The page of a command and those of its subcommands.
fn write(command: &Command, folder: &Path, pages: &mut Vec<PathBuf>) -> io::Result<()> {
    pages.push(Man::new(command.clone()).generate_to(folder)?);
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    shown.into_iter().try_for_each(|command| write(command, folder, pages))
}

/// Files that were written.
struct Pages(Vec<PathBuf>);

#[derive(Serialize, JsonSchema)]
pub(super) struct ManFields {
    /// The paths of the pages.
    pages: Vec<String>,
}

impl Output for Pages {
    type Fields = ManFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|page| writeln!(out, "{}", page.display()))
    }

    fn fields(&self) -> ManFields {
        ManFields { pages: self.0.iter().map(|page| output::path(page)).collect() }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.table(out)
    }
}
