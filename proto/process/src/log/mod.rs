//! The log: text for people or JSON for machines, on stderr or in files.

mod args;
mod error;
mod file;
mod json;
mod level;

use std::io::IsTerminal;

use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

pub use args::{LogArgs, LogFormat, Rotate};
pub use error::LogError;

use file::FileGuard;
use json::JsonLines;

/// Name of the setting of the level.
const LEVEL: &str = "PATCHSWEEP_LOG";

/// What is logged, and where.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// As given on the command line.
    pub args: LogArgs,
    /// Level where `PATCHSWEEP_LOG` says none.
    pub default_level: &'static str,
}

/// What keeps the log going. Lines that wait for the log file are written when it is dropped, within a bounded moment.
#[derive(Debug)]
#[must_use = "the log file is cut short without it"]
pub struct LogGuard {
    _file: Option<FileGuard>,
}

/// What else sees spans and events.
pub type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log of this process, and gives `others` what happens too. Call once, at the start.
pub fn start(options: &LogOptions, mut others: Vec<BoxedLayer>) -> Result<LogGuard, LogError> {
    let LogOptions { args, default_level } = options;
    let level = level::from_environment(LEVEL, default_level)?;
    let (writer, file) = match &args.log_file {
        Some(path) => {
            let (writer, guard) = file::open(path, args.log_rotate, args.log_keep.into(), args.log_format)?;
            (BoxMakeWriter::new(writer), Some(guard))
        }
        None => (BoxMakeWriter::new(std::io::stderr), None),
    };
    let with_colors = file.is_none() && std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines: BoxedLayer = match args.log_format {
        LogFormat::Text => fmt::layer().with_writer(writer).with_ansi(with_colors).with_filter(level).boxed(),
        LogFormat::Json => {
            let layer = fmt::layer().with_writer(writer).with_ansi(false);
            layer.fmt_fields(JsonFields::new()).event_format(JsonLines).with_filter(level).boxed()
        }
    };
    others.push(lines);
    tracing_subscriber::registry().with(others).try_init()?;
    Ok(LogGuard { _file: file })
}
