//! GPT-2 on libtorch: the only place that knows tch.

mod device;
mod engine;
mod forward;
mod hooks;
mod metrics;
mod runs;
mod task;
mod weights;

#[cfg(test)]
mod embedded_model;

pub use device::{DeviceError, open as open_device};
pub use engine::Gpt2Engine;
