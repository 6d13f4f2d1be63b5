//! `patchsweep model`

mod description;
mod download;
mod fetch;
mod fields;
mod location;
mod progress;
mod show;

pub(super) use download::download;
#[cfg(test)]
pub(super) use fields::{FetchFields, ShowFields};

use super::CliError;
use super::output::Printer;

#[derive(Debug, clap::Subcommand)]
pub(super) enum ModelCommand {
    /// Show what a model is: its architecture, the sites of a sweep, its tokenizer, and what its weights take.
    Show(show::ShowArgs),
    /// Bring a model of the Hugging Face hub into the local cache: the files that are read here, of one commit.
    Fetch(fetch::FetchArgs),
}

pub(super) fn model(command: ModelCommand, printer: &Printer) -> Result<(), CliError> {
    match command {
        ModelCommand::Show(args) => show::show(&args, printer),
        ModelCommand::Fetch(args) => fetch::fetch(args, printer),
    }
}
