//! Settings that need not be given with each command: flag, then environment, then config file, then default.
//!
//! Flags and environment are read by clap. What the config file says becomes the default of every argument of the same
//! name in every command, so commands need to know nothing of it.

mod file;
mod location;

use clap::Command;

pub(super) use file::{ConfigError, ConfigFile};
pub(super) use location::{Location, STATED_BY};

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its key in the config file, and the id of its arguments.
    pub(super) key: &'static str,
    /// Whether the help says its default itself.
    described: bool,
}

/// All of them. A new one is also a field of `file::Keys`.
pub(super) const SETTINGS: [Setting; 6] = [
    Setting { key: "coordinator", described: true },
    Setting { key: "credentials", described: true },
    Setting { key: "state", described: true },
    Setting { key: "models", described: true },
    Setting { key: "output", described: false },
    Setting { key: "log_format", described: false },
];

/// The command line with what the file says as defaults.
pub(super) fn with_defaults(mut command: Command, file: &ConfigFile) -> Command {
    for setting in SETTINGS {
        let (values, has_it) =
            (file.values(setting.key), command.get_arguments().any(|arg| arg.get_id() == setting.key));
        if has_it && !values.is_empty() {
            let values = values.to_vec();
            command =
                command.mut_arg(setting.key, |arg| arg.default_values(values).hide_default_value(setting.described));
        }
    }
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |sub| with_defaults(sub, file)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Args;

    fn file(text: &str) -> ConfigFile {
        ConfigFile::parse(Path::new("/etc/config.toml"), text, None).expect("a config file")
    }

    #[test]
    fn the_file_gives_defaults_that_flags_replace() {
        let file = file("coordinator = \"http://a:1\"\noutput = \"json\"\nmodels = [\"/m\", \"n\"]");
        let parse = |line: &[&str]| {
            let command = with_defaults(Args::command(), &file);
            command.try_get_matches_from([&["patchsweep"], line].concat()).expect("it parses")
        };
        let raw = |line: &[&str], key: &str| {
            let matches = parse(line);
            let (_, command) = matches.subcommand().expect("a command");
            command.get_raw(key).expect("a value").map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(raw(&["list"], "coordinator"), ["http://a:1"]);
        assert_eq!(raw(&["list", "--coordinator", "http://b:2"], "coordinator"), ["http://b:2"]);
        assert_eq!(raw(&["list"], "output"), ["json"]);
        assert_eq!(raw(&["plan", "x.toml"], "models"), ["/m", "/etc/n"]);
        assert_eq!(raw(&["plan", "x.toml", "--models", "z"], "models"), ["z"]);
    }

    #[test]
    fn every_setting_is_an_argument_of_some_command() {
        fn has(command: &Command, key: &str) -> bool {
            let own = command.get_arguments().any(|arg| arg.get_id() == key);
            own || command.get_subcommands().any(|command| has(command, key))
        }
        assert!(SETTINGS.iter().all(|setting| has(&Args::command(), setting.key)));
    }
}
