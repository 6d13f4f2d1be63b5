//! Numbers between Rust and libtorch.

use tch::{Device, Kind, Tensor};

/// How many, as libtorch counts.
///
/// # Panics
/// Of more than memory holds; a wrong length would give wrong scores.
pub(crate) fn length(count: usize) -> i64 {
    i64::try_from(count).expect("no more than memory holds")
}

/// How many, as libtorch counted.
///
/// # Panics
/// Of less than none.
pub(crate) fn count(length: i64) -> usize {
    usize::try_from(length).expect("a length")
}

/// A tensor's numbers, as float64.
pub(crate) fn host_wide(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_kind(Kind::Double).to_device(Device::Cpu).contiguous();
    let mut numbers = vec![0.0; tensor.numel()];
    let count = numbers.len();
    tensor.copy_data(&mut numbers, count);
    numbers
}

/// A tensor's numbers, as float32.
pub(crate) fn host(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_kind(Kind::Float).to_device(Device::Cpu).contiguous();
    let mut numbers = vec![0.0; tensor.numel()];
    let count = numbers.len();
    tensor.copy_data(&mut numbers, count);
    numbers
}
