//! Command lines that cannot be understood, and those that ask for help.

use clap::error::ErrorKind;
use patchsweep_process::talk::complain;

use super::error::{ErrorFields, Kind, USAGE};
use super::output::Printer;

/// Answers a command line that no command comes of; gives its exit code.
pub(super) fn answer(error: &clap::Error, printer: &Printer) -> u8 {
    // Nobody has to read it.
    let _ = error.print();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return 0;
    }
    if let Err(unprinted) = printer.finish(Some(fields(error))) {
        complain(&format!("cannot write to standard output: {unprinted}"));
    }
    USAGE
}

/// The error as JSON: its first paragraph, without what is only to be looked at.
fn fields(error: &clap::Error) -> ErrorFields {
    let text = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "the command is missing".to_owned()
    } else {
        error.to_string()
    };
    let lines = text.trim_start_matches("error: ").lines().take_while(|line| !line.trim().is_empty());
    let message = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    ErrorFields { message, kind: Kind::Usage, exit_code: USAGE, next: Some("patchsweep --help".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Args;

    fn refused(line: &[&str]) -> ErrorFields {
        fields(&Args::try_parse_from([&["patchsweep"], line].concat()).expect_err("refused"))
    }

    #[test]
    fn a_command_line_that_is_refused_is_reported_in_one_line() {
        assert_eq!(refused(&["run"]).message, "the following required arguments were not provided: --out <DIR> <SPEC>");
        assert_eq!(refused(&["list", "--x"]).message, "unexpected argument '--x' found");
        assert_eq!(refused(&[]).message, "the command is missing");
        assert_eq!(refused(&["nope"]).exit_code, 2);
    }
}
