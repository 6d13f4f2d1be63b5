//! GPT-2 on libtorch: the only place that knows tch.

mod device;
mod engine;
mod forward;
mod metrics;
mod recorder;
mod runs;
mod suffix;
mod suffix_attention;
mod task;
mod weights;

#[cfg(test)]
mod embedded_model;

pub use device::{DeviceError, open as open_device};
pub use engine::Gpt2Engine;
