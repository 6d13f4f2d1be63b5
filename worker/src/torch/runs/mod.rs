//! Clean and corrupted runs, and what is kept of them.

pub(crate) mod activations;
pub(crate) mod cached;
pub(crate) mod means;
pub(crate) mod noise;
pub(crate) mod recorder;
pub(crate) mod sites;
