//! What coordinator, workers and clients say to each other.
//!
//! [`v1`] holds the generated wire types. They are turned into the domain types of `patchsweep-core` at the RPC edge (see
//! [`wire`]) and go no further.

#![forbid(unsafe_code)]

pub mod chunk;
pub mod v1;
pub mod wire;

/// Version of the worker protocol; coordinator and workers must have the same.
pub const PROTOCOL_VERSION: u32 = 14;
