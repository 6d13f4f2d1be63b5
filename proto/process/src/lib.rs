//! What both programs are alike in as processes: logs, traces, signals, health and metrics over HTTP.
#![forbid(unsafe_code)]

pub mod health;
pub mod http;
pub mod log;
pub mod metrics;
pub mod rpc;
pub mod signals;
pub mod throttle;
pub mod trace;
