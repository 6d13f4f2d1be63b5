//! What coordinator and workers say to each other, and the checked domain types behind it.
//!
//! [`v1`] holds the generated wire types. They are turned into the domain types of the other modules
//! at the RPC edge (see [`wire`]) and go no further. This crate does not know libtorch. Only [`dial`] opens
//! connections, and the only files that are looked at are model folders ([`model::locate`]) and [`credentials`].

#![forbid(unsafe_code)]

mod axis;
pub mod causality;
mod cell_status;
mod chain;
pub mod check;
pub mod chunk;
mod component;
pub mod context;
pub mod credentials;
pub mod dial;
pub mod digest;
pub mod endpoint;
pub mod events;
pub mod explain;
pub mod grid;
pub mod ids;
pub mod metric;
pub mod model;
pub mod moments;
pub mod refusal;
pub mod results;
pub mod scores;
pub mod status;
pub mod tile;
pub mod tokens;
pub mod trace;
pub mod v1;
pub mod wire;
pub mod workers;

pub use chain::{RootCause, Whole, error_chain};

/// Version of the worker protocol; coordinator and workers must have the same.
pub const PROTOCOL_VERSION: u32 = 5;
