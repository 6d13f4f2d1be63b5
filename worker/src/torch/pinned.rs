//! Memory of the machine from which GPUs copy by themselves, while this process goes on.

use std::cell::Cell;
use std::ffi::{c_int, c_void};

use tch::{Device, Kind, Tensor};

use crate::torch::done::Done;
use crate::torch::numbers::length;

#[allow(unsafe_code)]
unsafe extern "C" {
    fn patchsweep_pinned(bytes: i64) -> *mut c_void;
    fn patchsweep_copy(to: *mut c_void, from: *const c_void) -> Done;
    fn patchsweep_wait(index: c_int) -> Done;
}

/// Most bytes that a thread has on their way: libtorch keeps a piece until it is copied, and uses its memory again then.
const MOST_ON_THEIR_WAY: usize = 64 << 20;

/// A piece of it.
pub(crate) struct Pinned {
    bytes: Tensor,
    index: usize,
}

impl Pinned {
    /// For a copy to a device; `None` where that is no GPU, or where the system gives none.
    #[allow(unsafe_code)]
    pub(crate) fn for_device(device: Device, bytes: usize) -> Option<Self> {
        let Device::Cuda(index) = device else { return None };
        // SAFETY: `gpu.cpp` has it with this signature; what it gives is a new tensor, which belongs to the caller.
        let bytes = unsafe {
            let tensor = patchsweep_pinned(length(bytes));
            (!tensor.is_null()).then(|| Tensor::from_ptr(tensor.cast()))
        };
        bytes.map(|bytes| Self { bytes, index })
    }

    /// To be filled.
    #[allow(unsafe_code)]
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: a new tensor of bytes on the CPU has as many at its address, and lives as long as it is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.bytes.data_ptr().cast(), self.bytes.numel()) }
    }

    /// Copies it, as numbers of a kind, to a tensor of as many numbers, whose own kind the GPU makes of them.
    ///
    /// # Panics
    /// As libtorch does.
    #[allow(unsafe_code)]
    pub(crate) fn copy_to(self, to: &mut Tensor, kind: Kind) {
        let from = self.bytes.view_dtype(kind).view_as(to);
        let gpu = c_int::try_from(self.index).expect("few GPUs");
        // SAFETY: `gpu.cpp` has it with this signature. A tensor of tch is a pointer to one of libtorch; the first is written to, and
        // libtorch keeps the memory of the other until it is copied.
        unsafe { patchsweep_copy(to.as_mut_ptr().cast(), from.as_ptr().cast()) }.or_panic();
        let on_their_way = ON_THEIR_WAY.get() + self.bytes.numel();
        ON_THEIR_WAY.set(on_their_way);
        if on_their_way > MOST_ON_THEIR_WAY {
            // SAFETY: `gpu.cpp` has it with this signature.
            unsafe { patchsweep_wait(gpu) }.or_panic();
            ON_THEIR_WAY.set(0);
        }
    }
}

thread_local! {
    /// Bytes that this thread has copied since it waited last.
    static ON_THEIR_WAY: Cell<usize> = const { Cell::new(0) };
}
