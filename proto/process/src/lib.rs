//! What both programs are alike in as processes: logs, traces, signals, health and metrics over HTTP, what is printed on
//! stderr, what caught panics say, and what this machine lets a process have.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod duration;
pub mod health;
pub mod http;
pub mod log;
pub mod machine;
pub mod panics;
pub mod parent;
pub mod rpc;
pub mod signals;
pub mod talk;
pub mod telemetry;
pub mod throttle;
pub mod trace;
