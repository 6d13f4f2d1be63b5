//! How far a sweep is, grid by grid, and how fast it goes.

mod tally;
mod throughput;

pub use tally::Tally;
pub use throughput::{Throughput, WINDOW};
