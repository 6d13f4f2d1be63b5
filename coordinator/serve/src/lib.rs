//! The coordinator: keeps sweeps, leases their tiles to workers, merges the scores.
//!
//! [`merge`], [`progress`], [`manifest`], [`check`] and [`explain`] are pure: they do no I/O and know no clock. [`server`]
//! puts gRPC and time around them and around plan and scheduler, [`gate`] says who gets in, [`state`] keeps sweeps on disk,
//! [`page`] shows them in a browser.

#![forbid(unsafe_code)]

pub mod check;
pub mod explain;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod gate;
pub mod manifest;
pub mod merge;
pub mod page;
pub mod progress;
pub mod server;
pub mod state;
pub mod telemetry;
mod verification;
