//! Arguments of both programs.

use std::path::PathBuf;

/// How to log.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Form of the log; its level is set by PATCHSWEEP_LOG.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub log_format: LogFormat,
    /// Write the log to this file instead of stderr.
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// How often a new log file begins; FILE gets its date as a suffix and is a link to the newest.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub log_rotate: Rotate,
    /// How many log files are kept, where new ones begin.
    #[arg(long, global = true, default_value_t = 14, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub log_keep: u16,
    /// Export spans to this OTLP collector over gRPC, for instance http://127.0.0.1:4317
    /// [default: OTEL_EXPORTER_OTLP_ENDPOINT].
    #[arg(long, global = true, value_name = "URL")]
    pub otlp: Option<String>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one object a line.
    Json,
}

/// How often a new log file begins, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Rotate {
    /// Each day.
    Daily,
    /// Each hour.
    Hourly,
    /// Never.
    #[default]
    Never,
}
