//! The log on stderr.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::Command;
use crate::server::RecentEvents;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// Level by `PATCHSWEEP_LOG`; by default a coordinator says what happens, other commands only what is wrong. Gives the
/// warnings and errors to come, whatever that level.
pub(super) fn start(format: LogFormat, command: &Command) -> RecentEvents {
    let default = if matches!(command, Command::Serve(_)) { "info" } else { "warn" };
    let level = EnvFilter::try_from_env("PATCHSWEEP_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    let log = match format {
        LogFormat::Text => log.boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    let events = RecentEvents::new();
    tracing_subscriber::registry().with(log.with_filter(level)).with(events.layer()).init();
    events
}
