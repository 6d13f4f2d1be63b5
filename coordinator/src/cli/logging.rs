//! The log on stderr.

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
        // It would be said on stderr, which is what failed.
        .log_internal_errors(false)
        .with_ansi(super::talk::has_colours());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
