//! Models on libtorch: the only place that knows tch.

mod activations;
mod attention;
mod batch;
mod chunk;
mod device;
mod engine;
mod enter;
mod exec;
mod forward;
mod heads;
mod in_halves;
mod load;
mod memory;
mod meter;
mod metrics;
mod model;
mod models;
mod noise;
mod norm;
mod numbers;
mod patch;
mod plain;
mod positions;
mod recorder;
mod rotary;
mod run_scores;
mod runs;
mod sites;
mod suffix;
mod suffix_attention;
mod task;
mod vocabulary;

#[cfg(test)]
mod embedded_model;

pub use device::{DeviceError, free_memory, open as open_device};
pub use engine::TorchEngine;
