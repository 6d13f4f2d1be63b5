//! The worker of patchsweep: computes the tiles that a coordinator leases to it.
//!
//! [`session`] talks to the coordinator and knows only the [`engine::Engine`] trait; [`cache`] is generic,
//! and [`gauge`] shows what an engine takes. [`models`] finds models, or fetches them. Only [`torch`], behind the feature `tch`, knows libtorch.

#![deny(unsafe_code)]

pub mod cache;
pub mod engine;
pub mod gauge;
pub mod models;
mod panics;
pub mod phases;
pub mod session;
pub mod telemetry;
#[cfg(feature = "tch")]
pub mod torch;
