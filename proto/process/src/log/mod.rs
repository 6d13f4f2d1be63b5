//! The log: text for people or JSON for machines, on stderr or in files.

mod args;
mod error;
mod file;
mod json;
mod level;
#[cfg(feature = "otlp")]
mod otlp;

use anstream::{AutoStream, ColorChoice};

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
    /// The service that exported spans name.
    pub service: &'static str,
}

/// What keeps the log going. Lines that wait for the log file are written when it is dropped, within a bounded moment.
#[derive(Debug)]
#[must_use = "the log file is cut short without it"]
pub struct LogGuard {
    // Spans first: what goes wrong with them is still logged.
    _spans: Option<ExportGuard>,
    _file: Option<FileGuard>,
}

#[cfg(feature = "otlp")]
use otlp::ExportGuard;

/// This program was built without.
#[cfg(not(feature = "otlp"))]
type ExportGuard = std::convert::Infallible;

/// Name of the setting of where spans are exported to.
const OTLP: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What else sees spans and events.
pub type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log of this process, and gives `others` what happens too. Call once, at the start.
pub fn start(options: &LogOptions, mut others: Vec<BoxedLayer>) -> Result<LogGuard, LogError> {
    let LogOptions { args, default_level, service } = options;
    let level = level::from_environment(LEVEL, default_level)?;
    let (writer, file) = match &args.log_file {
        Some(path) => {
            let (writer, guard) = file::open(path, args.log_rotate, args.log_keep.into(), args.log_format)?;
            (BoxMakeWriter::new(writer), Some(guard))
        }
        None => (BoxMakeWriter::new(std::io::stderr), None),
    };
    // Those of a terminal, unless `NO_COLOR` or `CLICOLOR_FORCE` say otherwise.
    let with_colors = file.is_none() && AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
    let lines: BoxedLayer = match args.log_format {
        LogFormat::Text => fmt::layer()
            .log_internal_errors(false)
            .with_writer(writer)
            .with_ansi(with_colors)
            .with_filter(level)
            .boxed(),
        LogFormat::Json => {
            let layer = fmt::layer().log_internal_errors(false).with_writer(writer).with_ansi(false);
            layer.fmt_fields(JsonFields::new()).event_format(JsonLines).with_filter(level).boxed()
        }
    };
    others.push(lines);
    let spans = export(args.otlp.as_deref(), service)?.map(|(layer, guard)| {
        others.push(layer);
        guard
    });
    tracing_subscriber::registry().with(others).try_init()?;
    if spans.is_none() && std::env::var_os(OTLP).is_some_and(|url| !url.is_empty()) {
        tracing::warn!("{OTLP} is set, but this program was built without the feature otlp");
    }
    Ok(LogGuard { _spans: spans, _file: file })
}

/// Where there is an address to export spans to.
#[cfg(feature = "otlp")]
fn export(given: Option<&str>, service: &'static str) -> Result<Option<(BoxedLayer, ExportGuard)>, LogError> {
    let of_environment = || std::env::var(OTLP).ok().filter(|url| !url.is_empty());
    given.map(str::to_owned).or_else(of_environment).map(|url| otlp::export(&url, service)).transpose()
}

/// Asking for spans is refused.
#[cfg(not(feature = "otlp"))]
fn export(given: Option<&str>, _: &'static str) -> Result<Option<(BoxedLayer, ExportGuard)>, LogError> {
    let reason = "this program was built without the feature otlp; build it with --features otlp".to_owned();
    given.map_or(Ok(None), |url| Err(LogError::Otlp { url: url.to_owned(), reason }))
}
