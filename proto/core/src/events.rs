//! The coordinator's log as clients get it.

use std::time::SystemTime;

/// Most events that a coordinator keeps.
pub const MOST_EVENTS: usize = 200;

/// Most characters of an event's text.
pub const MOST_TEXT: usize = 2000;

/// A warning or an error of the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When.
    pub at: SystemTime,
    /// `warn` or `error`.
    pub level: String,
    /// The sweep that it is about; empty: none.
    pub sweep: String,
    /// The name of the worker that it is about; empty: none.
    pub worker: String,
    /// The message with its other fields; at most [`MOST_TEXT`] characters.
    pub text: String,
}
