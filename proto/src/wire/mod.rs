//! Where wire types become checked domain types, and back.
//!
//! A conversion from the wire that can fail is a `TryFrom` that names the message and field it refuses.

mod architecture;
mod check;
mod client;
mod context;
mod dictionary;
mod events;
mod explain;
mod grid;
mod groups;
mod lease;
mod metric;
mod model;
mod results;
mod scores;
mod state;
mod tile;
mod time;
mod workers;

pub use client::priority_from_wire;
pub use lease::digest_from_wire;
pub use model::{loaded_from_wire, loaded_to_wire};
pub use state::{sweep_state_from_wire, sweep_state_to_wire};
pub use tile::refuse_tile;
pub use time::{from_unix_milliseconds, unix_milliseconds};

use std::ops::Range;

use prost::Message;

use crate::v1;
use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::results::SweepResults;

/// A message that does not say what its schema promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field without which the message means nothing.
    #[error("message `{message}` lacks field `{field}`")]
    Missing {
        /// Protobuf message.
        message: &'static str,
        /// Its field.
        field: &'static str,
    },
    /// A value outside its domain.
    #[error("message `{message}` has an invalid field `{field}`: {reason}")]
    Invalid {
        /// Protobuf message.
        message: &'static str,
        /// Its field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Not protobuf of that message.
    #[error("cannot decode message `{message}`")]
    Undecodable {
        /// Protobuf message.
        message: &'static str,
    },
}

impl WireError {
    fn invalid(message: &'static str, field: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Invalid { message, field, reason: reason.to_string() }
    }
}

/// The field, or an error that names it.
fn required<T>(value: Option<T>, message: &'static str, field: &'static str) -> Result<T, WireError> {
    value.ok_or(WireError::Missing { message, field })
}

fn range_to_wire(range: &Range<u32>) -> v1::IndexRange {
    v1::IndexRange { start: range.start, end: range.end }
}

/// Refuses empty and reversed ranges.
fn range_from_wire(range: v1::IndexRange, message: &'static str, field: &'static str) -> Result<Range<u32>, WireError> {
    if range.start >= range.end {
        return Err(WireError::invalid(message, field, format!("range {}..{} is empty", range.start, range.end)));
    }
    Ok(range.start..range.end)
}

/// The wire encoding of a context; its digest is taken over these bytes.
#[must_use]
pub fn encode_context(context: &SweepContext) -> Vec<u8> {
    v1::SweepContext::from(context).encode_to_vec()
}

/// BLAKE3 over the wire encoding, which is deterministic: it has no maps.
#[must_use]
pub fn digest_of(context: &SweepContext) -> Digest {
    Digest::of(&encode_context(context))
}

/// A context from [`encode_context`]'s bytes, checked.
pub fn decode_context(bytes: &[u8]) -> Result<SweepContext, WireError> {
    let decoded = v1::SweepContext::decode(bytes);
    decoded.map_err(|_| WireError::Undecodable { message: "SweepContext" })?.try_into()
}

/// The wire encoding of results, which it takes because they may be large.
#[must_use]
pub fn encode_results(results: SweepResults) -> Vec<u8> {
    v1::SweepResults::from(results).encode_to_vec()
}

/// Results from [`encode_results`]' bytes, checked.
pub fn decode_results(bytes: &[u8]) -> Result<SweepResults, WireError> {
    let decoded = v1::SweepResults::decode(bytes);
    decoded.map_err(|_| WireError::Undecodable { message: "SweepResults" })?.try_into()
}
