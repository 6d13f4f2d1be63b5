//! Numbers between Rust and libtorch.

use tch::kind::Element;
use tch::{Device, Tensor};

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
    numbers_of(tensor)
}

/// A tensor's numbers, as float32.
pub(crate) fn host(tensor: &Tensor) -> Vec<f32> {
    numbers_of(tensor)
}

fn numbers_of<T: Element + Clone + Default>(tensor: &Tensor) -> Vec<T> {
    let tensor = tensor.to_kind(T::KIND).to_device(Device::Cpu).contiguous();
    let mut numbers = vec![T::default(); tensor.numel()];
    let count = numbers.len();
    tensor.copy_data(&mut numbers, count);
    numbers
}
