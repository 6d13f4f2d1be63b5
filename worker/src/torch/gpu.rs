//! What tch has no name for on GPUs; `gpu.cpp` has it.

use std::ffi::{c_int, c_void};
use std::sync::{PoisonError, RwLock};

use tch::kind::Element;
use tch::{Device, Tensor};

#[allow(unsafe_code)]
unsafe extern "C" {
    fn patchsweep_upload(tensor: *const c_void, index: c_int) -> *mut c_void;
    fn patchsweep_round_products(tf32: bool);
    fn patchsweep_empty_cache() -> bool;
}

/// Numbers as a tensor of a device. The queue of a GPU goes on meanwhile, while `to_device` would wait for its end: they are copied
/// from pinned memory, which libtorch keeps until they are there.
pub(crate) fn upload<T: Element>(numbers: &[T], device: Device) -> Tensor {
    let numbers = Tensor::from_slice(numbers);
    match device {
        Device::Cuda(index) => pinned(&numbers, index).unwrap_or_else(|| numbers.to_device(device)),
        _ => numbers,
    }
}

/// `None` where it fails, as without pinned memory.
#[allow(unsafe_code)]
fn pinned(numbers: &Tensor, index: usize) -> Option<Tensor> {
    // SAFETY: `gpu.cpp` has it with this signature. A tensor of tch is a pointer to one of libtorch, which it only reads; what it
    // gives is a new one, which belongs to the caller.
    unsafe {
        let uploaded = patchsweep_upload(numbers.as_ptr().cast(), c_int::try_from(index).expect("few GPUs"));
        (!uploaded.is_null()).then(|| Tensor::from_ptr(uploaded.cast()))
    }
}

/// What `round_products` was given last. Held to be read by threads that compute beside the engine's, and to be written where it changes.
static ROUNDING: RwLock<Option<bool>> = RwLock::new(None);

/// Lets matrix products on GPUs round their inputs to TF32, or not. Parts of a sum in half precision are added up in float32 either
/// way, as on the CPU.
///
/// Waits for what other threads compute [`while_rounding_stays`], unless nothing changes.
#[allow(unsafe_code)]
pub(crate) fn round_products(tf32: bool) {
    if *ROUNDING.read().unwrap_or_else(PoisonError::into_inner) == Some(tf32) {
        return;
    }
    let mut rounding = ROUNDING.write().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: `gpu.cpp` has it with this signature; libtorch's context lives as long as the process. Only the engine's thread calls
    // this, and while it does nobody reads what is set: the threads that load models have ended, and the one that reads blocks ahead
    // is kept out by the lock.
    unsafe { patchsweep_round_products(tf32) }
    *rounding = Some(tf32);
}

/// Computes beside the engine's thread, which does not change meanwhile how products are rounded.
pub(crate) fn while_rounding_stays<T>(compute: impl FnOnce() -> T) -> T {
    let _held = ROUNDING.read().unwrap_or_else(PoisonError::into_inner);
    compute()
}

/// Gives back what libtorch keeps of a GPU's memory for later: cuBLAS and the loading of kernels get theirs from the driver.
#[allow(unsafe_code)]
pub(crate) fn empty_cache() {
    // SAFETY: `gpu.cpp` has it with this signature.
    let emptied = unsafe { patchsweep_empty_cache() };
    tracing::debug!(emptied, "memory that libtorch kept went back to the GPU");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(unsafe_code)]
    unsafe extern "C" {
        fn patchsweep_rounds_to_tf32() -> bool;
    }

    #[allow(unsafe_code)]
    fn rounds_to_tf32() -> bool {
        // SAFETY: `gpu.cpp` has it with this signature.
        unsafe { patchsweep_rounds_to_tf32() }
    }

    #[test]
    #[allow(unsafe_code)]
    fn tf32_is_what_it_was_set_to_and_what_does_not_change_is_not_set() {
        for allow in [true, false] {
            round_products(allow);
            assert_eq!(rounds_to_tf32(), allow);
        }
        // SAFETY: as in `round_products`.
        unsafe { patchsweep_round_products(true) }
        round_products(false);
        assert!(rounds_to_tf32(), "it was set to this already");
        while_rounding_stays(|| assert!(ROUNDING.try_write().is_err()));
    }
}
