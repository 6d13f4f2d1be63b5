//! `patchsweep token`

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use patchsweep_link::credentials::Role;
use patchsweep_process::duration::duration;
use patchsweep_process::talk;
use patchsweep_serve::gate::rotate;
use schemars::JsonSchema;
use serde::Serialize;

use super::CliError;
use super::gate::StateArgs;
use super::output::{self, Output, Printer};

#[derive(Debug, clap::Subcommand)]
pub(super) enum TokenCommand {
    /// Make a new token and write it into the credentials file of its role; a running coordinator takes it at once.
    Rotate(RotateArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct RotateArgs {
    /// Whose token: worker or client.
    #[arg(long)]
    role: Role,
    /// How long the token before counts too, for instance 10m or 2h [default: not at all].
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s", hide_default_value = true)]
    keep_old: Duration,
    #[command(flatten)]
    state: StateArgs,
}

pub(super) fn token(command: TokenCommand, printer: &Printer) -> Result<(), CliError> {
    let TokenCommand::Rotate(args) = command;
    let path = rotate(&args.state.directory()?, args.role, args.keep_old)?;
    talk!("new token in {}: give it to every {}", path.display(), args.role.name());
    printer.print(&Rotated { role: args.role, credentials: path })
}

/// Where a new token is; never the token itself.
struct Rotated {
    role: Role,
    credentials: PathBuf,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct RotateFields {
    /// Whose token it is: `worker` or `client`.
    role: String,
    /// The path of the file that holds the new token.
    credentials: String,
}

impl Output for Rotated {
    type Fields = RotateFields;

    fn table(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn fields(&self) -> RotateFields {
        RotateFields { role: self.role.name().to_owned(), credentials: output::path(&self.credentials) }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.credentials.display())
    }
}
