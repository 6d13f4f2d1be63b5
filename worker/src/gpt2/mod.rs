//! GPT-2 on libtorch: the only place that knows tch.

mod activations;
mod attention;
mod batch;
mod chunk;
mod device;
mod engine;
mod enter;
mod forward;
mod heads;
mod memory;
mod meter;
mod metrics;
mod models;
mod noise;
mod patch;
mod plain;
mod positions;
mod products;
mod recorder;
mod run_scores;
mod runs;
mod sites;
mod suffix;
mod suffix_attention;
mod task;
mod vocabulary;
mod weights;

#[cfg(test)]
mod embedded_model;

pub use device::{DeviceError, free_memory, open as open_device};
pub use engine::Gpt2Engine;
