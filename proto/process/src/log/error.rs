//! Why there is no log.

use std::path::PathBuf;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `PATCHSWEEP_LOG` cannot be read.
    #[error(
        "{variable} is `{value}`: {reason}; write error, warn, info, debug or trace, or parts as patchsweep=debug,h2=warn"
    )]
    Level {
        /// Name of the setting.
        variable: &'static str,
        /// What it says.
        value: String,
        /// What is wrong.
        reason: String,
    },
    /// The log file cannot be opened.
    #[error("cannot write the log file {}: {reason}; name another one with --log-file", .path.display())]
    File {
        /// As given.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Spans cannot be exported there.
    #[error("cannot export spans to `{url}`: {reason}")]
    Otlp {
        /// As given.
        url: String,
        /// Why.
        reason: String,
    },
    /// There is a log already.
    #[error("cannot start the log")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}
