//! Models on libtorch: the only place that knows tch.
//!
//! [`tiles`] computes a tile in chunks of prompts; [`runs`] makes clean and corrupted runs; [`patch`] makes patched runs of
//! what they keep; [`model`] is the forward pass that both share; [`score`] makes metrics of final residual streams.
//! [`dictionary`] makes features of activations.
//! [`estimate`] estimates effects from gradients.
//! [`plain`] computes the same cells by whole forward passes, as checks do.

mod calls;
mod cuda_runtime;
mod device;
mod devices;
mod dictionary;
mod done;
mod driver;
mod engine;
mod estimate;
mod gpu;
mod heap;
mod model;
mod numbers;
mod operators;
mod patch;
mod pinned;
mod plain;
mod positions;
mod queue;
mod rows;
mod runs;
mod score;
mod tiles;

#[cfg(test)]
mod embedded_model;

pub use cuda_runtime::CudaError;
pub use device::DeviceError;
pub use devices::Devices;
pub use driver::{NoGpu, Version};
pub use engine::TorchEngine;
