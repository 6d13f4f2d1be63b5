//! Tiles, in chunks of prompts that fit the memory.

mod activity;
mod alike;
pub(crate) mod chunk;
pub(crate) mod in_halves;
pub(crate) mod memory;
pub(crate) mod meter;
pub(crate) mod parts;
pub(crate) mod patched;
pub(crate) mod task;
