//! The coordinator of patchsweep: plans sweeps, leases their tiles to workers, merges the scores.
//!
//! The core is pure: [`spec`], [`plan`], [`scheduler`], [`merge`] and [`manifest`] do no I/O and know no clock.
//! [`server`] puts gRPC and time around them, [`state`] keeps sweeps on disk, [`results`] writes files, [`cli`] is the
//! command line.

#![forbid(unsafe_code)]

pub mod cli;
pub mod client;
pub mod gate;
pub mod manifest;
pub mod merge;
pub mod plan;
pub mod results;
pub mod scheduler;
pub mod server;
mod source;
pub mod spec;
pub mod state;
