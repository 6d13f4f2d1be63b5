//! `docs/commands.md` holds the help of every command and the fields of its JSON; this keeps it true.

mod catalogue;
mod table;

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use clap::{Command, CommandFactory};

use super::Args;
use catalogue::catalogue;

/// Everything behind this line is generated.
const MARK: &str = "<!-- The rest is generated: PATCHSWEEP_WRITE_DOCS=1 cargo test -p patchsweep --lib reference -->\n";

/// The help of a command and the fields of its JSON, then those of its subcommands, as markdown.
fn reference(command: &mut Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    if name.contains(' ') {
        // They stand once, at the top.
        *command = command.clone().mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg });
    }
    let help = command.render_help().to_string();
    // Indented, because some lines of help hold backticks.
    let help: String = help.trim_end().lines().map(|line| format!("    {line}\n").replace("    \n", "\n")).collect();
    let _ = write!(text, "\n### `{name}`\n\n{help}{}", json(&name));
    for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        if command.get_name() != "help" {
            reference(command, text);
        }
    }
}

/// The fields of a command's JSON, or which other command has the same.
fn json(command: &str) -> String {
    let Some(fields) = catalogue().into_iter().find(|fields| fields.commands.contains(&command)) else {
        return String::new();
    };
    match fields.commands[0] {
        first if first == command => format!("\nJSON:\n\n{}", table::table(&fields.forms)),
        first => format!("\nJSON: as of `{first}`.\n"),
    }
}

#[test]
fn the_reference_of_commands_is_what_the_commands_say_of_themselves() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    let before = fs::read_to_string(&path).expect("docs/commands.md");
    let (by_hand, _) = before.split_once(MARK).expect("docs/commands.md has the line behind which it is generated");
    let mut command = Args::command().version(None::<&str>);
    command.build();
    let mut generated = String::new();
    reference(&mut command, &mut generated);
    let wanted = format!("{by_hand}{MARK}{generated}");
    if env::var_os("PATCHSWEEP_WRITE_DOCS").is_some() {
        fs::write(&path, &wanted).expect("docs/commands.md is written");
    } else {
        assert!(before == wanted, "docs/commands.md is out of date: PATCHSWEEP_WRITE_DOCS=1 writes it anew");
    }
}

#[test]
fn every_command_says_something_as_json() {
    fn ends<'c>(command: &'c Command, found: &mut Vec<&'c str>) {
        let mut own = command.get_subcommands().filter(|command| command.get_name() != "help").peekable();
        if own.peek().is_none() {
            found.extend(command.get_bin_name());
        }
        own.for_each(|command| ends(command, found));
    }
    let mut command = Args::command();
    command.build();
    let mut commands = Vec::new();
    ends(&command, &mut commands);
    commands.push("patchsweep");
    let mut listed: Vec<&str> = catalogue().iter().flat_map(|fields| fields.commands).copied().collect();
    for names in [&mut commands, &mut listed] {
        names.sort_unstable();
    }
    assert_eq!(listed, commands, "cli/reference/catalogue.rs lists the types of each command's fields");
}
