//! The log on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::Command;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// Level by `PATCHSWEEP_LOG`; by default a coordinator says what happens, other commands only what is wrong.
pub(super) fn start(format: LogFormat, command: &Command) {
    let default = if matches!(command, Command::Serve(_)) { "info" } else { "warn" };
    let level = EnvFilter::try_from_env("PATCHSWEEP_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
