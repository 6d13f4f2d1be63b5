//! What a sweep is, checked: models, sites, cells, tiles, scores, and what is known of them.
//!
//! Pure data and arithmetic. No I/O, no async, no network, no libtorch, and few dependencies, so that a program that
//! needs these types, a test above all, builds in seconds.

#![forbid(unsafe_code)]

pub mod also;
pub mod architecture;
mod axis;
pub mod causality;
mod cell_status;
mod chain;
pub mod check;
mod component;
pub mod context;
pub mod dictionary;
pub mod digest;
pub mod estimate;
pub mod events;
pub mod explain;
pub mod features;
pub mod grid;
pub mod groups;
pub mod ids;
mod length;
pub mod metric;
pub mod model;
pub mod moments;
pub mod part;
pub mod paths;
pub mod results;
pub mod scores;
pub mod sites;
pub mod status;
pub mod tile;
pub mod token_sets;
pub mod tokens;
pub mod trace;
pub mod weights;
pub mod workers;
pub mod writes;

pub use chain::{RootCause, Whole, error_chain};
pub use length::length;
