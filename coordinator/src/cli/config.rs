//! `patchsweep config`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;
use patchsweep_link::credentials::Role;
use patchsweep_link::dial::Dialer;
use patchsweep_plan::source::without_secrets;
use patchsweep_process::talk;
use schemars::JsonSchema;
use serde::Serialize;

use super::gate::StateArgs;
use super::output::{self, Output, Printer};
use super::settings::{ConfigFile, Location, SETTINGS, STATED_BY};
use super::{CliError, CoordinatorArgs, table};

#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting, and where its value comes from.
    Show(Box<ShowArgs>),
    /// Print the path of the config file, whether it is there or not.
    Path,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    coordinator: CoordinatorArgs,
    #[command(flatten)]
    state: StateArgs,
    /// Folder that holds model folders; may be given several times.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
}

/// Shows settings or path. `matches`: of the whole command line, which say where values come from.
pub(super) fn config(
    command: ConfigCommand,
    matches: &ArgMatches,
    file: &ConfigFile,
    printer: &Printer,
) -> Result<(), CliError> {
    match command {
        ConfigCommand::Path => {
            let path = Location::find().path().cloned();
            if path.is_none() {
                talk!("no config file is read: {STATED_BY} is empty, or there is no home directory");
            }
            printer.print(&FilePath(path))
        }
        ConfigCommand::Show(args) => {
            let show = matches.subcommand_matches("config").and_then(|config| config.subcommand_matches("show"));
            let show = show.unwrap_or(matches);
            let shown = SETTINGS.iter().map(|setting| shown(setting.key, show, file, &args));
            printer.print(&Settings(shown.collect()))
        }
    }
}

/// A setting's value and where it comes from.
#[derive(Clone, Serialize, JsonSchema)]
struct Shown {
    /// Its name, as in the config file.
    #[serde(rename = "setting")]
    key: &'static str,
    /// What counts now; null: nothing, or a file that cannot be read.
    value: Option<String>,
    /// What kind of place that comes from: `flag`, `environment`, `file`, `credentials` or `default`.
    source: &'static str,
    /// The flag, the variable or the file; null for a default.
    #[serde(rename = "from")]
    place: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ShowFields {
    /// One for each setting.
    settings: Vec<Shown>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct PathFields {
    /// The config file; null: none is read.
    path: Option<String>,
    /// Whether it is there.
    exists: bool,
}

fn shown(key: &'static str, matches: &ArgMatches, file: &ConfigFile, args: &ShowArgs) -> Shown {
    let raw = matches.get_raw(key).into_iter().flatten();
    let given: Vec<String> = raw.map(|value| without_secrets(&value.to_string_lossy())).collect();
    let given = (!given.is_empty()).then(|| given.join(", "));
    let flag = format!("--{}", key.replace('_', "-"));
    let variable = format!("PATCHSWEEP_{}", key.to_uppercase());
    let (value, source, place) = match matches.value_source(key) {
        Some(ValueSource::CommandLine) => (given, "flag", Some(flag)),
        Some(ValueSource::EnvVariable) => (given, "environment", Some(variable)),
        _ if !file.values(key).is_empty() => (given, "file", Some(file.path().display().to_string())),
        _ => match (key, args.coordinator.credentials.as_ref()) {
            ("coordinator", Some(path)) => (address(args), "credentials", Some(path.display().to_string())),
            ("coordinator", None) => (address(args), "default", None),
            ("state", _) => (args.state.directory().ok().map(|path| path.display().to_string()), "default", None),
            _ => (given, "default", None),
        },
    };
    Shown { key, value, source, place }
}

/// The coordinator that would be dialled; `None`: the credentials file cannot be read.
fn address(args: &ShowArgs) -> Option<String> {
    Dialer::new(Role::Client, None, args.coordinator.credentials.clone()).ok().map(|dialer| dialer.url())
}

struct Settings(Vec<Shown>);

impl Output for Settings {
    type Fields = ShowFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = table::new(["setting", "value", "from"]);
        table.column_iter_mut().for_each(|column| column.set_cell_alignment(comfy_table::CellAlignment::Left));
        for Shown { key, value, source, place } in &self.0 {
            let from = place.as_ref().map_or_else(|| (*source).to_owned(), |place| format!("{source} {place}"));
            table.add_row([key, value.as_deref().unwrap_or("-"), &from]);
        }
        writeln!(out, "{}", table.trim_fmt())
    }

    fn fields(&self) -> ShowFields {
        ShowFields { settings: self.0.clone() }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut set = self.0.iter().filter_map(|shown| Some((shown.key, shown.value.as_ref()?)));
        set.try_for_each(|(key, value)| writeln!(out, "{key}={value}"))
    }
}

/// Where the config file is; `None`: nowhere.
struct FilePath(Option<PathBuf>);

impl Output for FilePath {
    type Fields = PathFields;

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|path| writeln!(out, "{}", path.display()))
    }

    fn fields(&self) -> PathFields {
        let path = self.0.as_deref();
        PathFields { path: path.map(output::path), exists: path.is_some_and(std::path::Path::is_file) }
    }

    fn quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        self.table(out)
    }
}
