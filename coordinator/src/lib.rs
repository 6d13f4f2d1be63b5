//! The coordinator of patchsweep: plans sweeps, leases their tiles to workers, merges the scores.
//!
//! The core is pure: [`progress`], [`merge`], [`statistics`],
//! [`explain`] and [`manifest`] do no I/O and know no clock.
//! [`server`] puts gRPC and time around them, [`state`] keeps sweeps on disk, [`results`] writes files, [`page`] shows them
//! in a browser, [`cli`] is the command line.

#![forbid(unsafe_code)]

pub mod check;
pub mod cli;
pub mod client;
pub mod explain;
pub mod gate;
pub mod manifest;
pub mod merge;
pub mod metrics;
pub mod page;
pub mod progress;
pub mod server;
pub mod state;
