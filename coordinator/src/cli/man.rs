//! `patchsweep man`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use serde_json::{Map, Value, json};

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

impl Output for Pages {
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|page| writeln!(out, "{}", page.display()))
    }

    fn json(&self) -> Map<String, Value> {
        let pages: Vec<String> = self.0.iter().map(|page| page.display().to_string()).collect();
        output::fields(json!({ "pages": pages }))
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.table(out)
    }
}
