//! `patchsweep model`

mod description;
mod fields;
mod location;
mod show;

#[cfg(test)]
pub(super) use fields::ShowFields;

use super::CliError;
use super::output::Printer;

#[derive(Debug, clap::Subcommand)]
pub(super) enum ModelCommand {
    /// Show what a model is: its architecture, the sites of a sweep, its tokenizer, and what its weights take.
    Show(show::ShowArgs),
}

pub(super) fn model(command: ModelCommand, printer: &Printer) -> Result<(), CliError> {
    match command {
        ModelCommand::Show(args) => show::show(&args, printer),
    }
}
