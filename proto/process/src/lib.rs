//! What both programs are alike in as processes: logs, traces, signals, health and metrics over HTTP, and what is said on
//! stderr.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod health;
pub mod http;
pub mod log;
pub mod metrics;
pub mod rpc;
pub mod signals;
pub mod talk;
pub mod throttle;
pub mod trace;
