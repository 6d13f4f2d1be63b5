//! What both programs are alike in as processes: logs, traces, signals, health and metrics over HTTP.
#![forbid(unsafe_code)]

pub mod log;
pub mod signals;
pub mod throttle;
