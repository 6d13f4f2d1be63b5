//! Queues of work: a GPU does what a thread asks of it later, in order. Threads share a queue, unless one has its own.

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

use tch::{Device, Tensor};

#[allow(unsafe_code)]
unsafe extern "C" {
    fn patchsweep_own_queue(index: c_int) -> bool;
    fn patchsweep_mark(index: c_int) -> *mut c_void;
    fn patchsweep_queue_behind(mark: *const c_void, index: c_int) -> bool;
    fn patchsweep_wait_for(mark: *const c_void) -> bool;
    fn patchsweep_forget(mark: *mut c_void);
    fn patchsweep_used_here(tensor: *const c_void) -> bool;
}

/// What this thread asks of a GPU goes into a queue of its own from now on. A CPU has no queue.
#[allow(unsafe_code)]
pub(crate) fn own(device: Device) {
    if let Device::Cuda(index) = device {
        // SAFETY: `gpu.cpp` has it with this signature.
        succeeded(unsafe { patchsweep_own_queue(number(index)) });
    }
}

/// The end of what a thread had asked of a GPU when it was made.
#[derive(Debug)]
pub(crate) struct Mark(NonNull<c_void>);

// SAFETY: it is one of libtorch's events, which any thread may use once it is recorded, and nobody records it again.
#[allow(unsafe_code)]
unsafe impl Send for Mark {}

impl Mark {
    /// Of this thread and a GPU; a CPU needs none.
    #[allow(unsafe_code)]
    pub(crate) fn of(device: Device) -> Option<Self> {
        let Device::Cuda(index) = device else { return None };
        // SAFETY: `gpu.cpp` has it with this signature, and what it gives is the caller's.
        let mark = NonNull::new(unsafe { patchsweep_mark(number(index)) });
        succeeded(mark.is_some());
        mark.map(Self)
    }

    /// What this thread asks of a GPU from now on, it does behind this.
    #[allow(unsafe_code)]
    pub(crate) fn comes_before(&self, device: Device) {
        if let Device::Cuda(index) = device {
            // SAFETY: `gpu.cpp` has it with this signature; the event lives.
            succeeded(unsafe { patchsweep_queue_behind(self.0.as_ptr(), number(index)) });
        }
    }

    /// Waits until the GPU gets there.
    #[allow(unsafe_code)]
    pub(crate) fn wait(&self) {
        // SAFETY: `gpu.cpp` has it with this signature; the event lives.
        succeeded(unsafe { patchsweep_wait_for(self.0.as_ptr()) });
    }
}

impl Drop for Mark {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: `gpu.cpp` has it with this signature, and nobody else has the event.
        unsafe { patchsweep_forget(self.0.as_ptr()) };
    }
}

/// A tensor that another thread's queue has made is read in this one's: whenever it is dropped, its memory is nobody's before that has
/// ended.
#[allow(unsafe_code)]
pub(crate) fn used_here(tensor: &Tensor) {
    if tensor.device().is_cuda() {
        // SAFETY: `gpu.cpp` has it with this signature. A tensor of tch is a pointer to one of libtorch.
        succeeded(unsafe { patchsweep_used_here(tensor.as_ptr().cast()) });
    }
}

fn number(index: usize) -> c_int {
    c_int::try_from(index).expect("few GPUs")
}

/// As what fails in libtorch does.
fn succeeded(done: bool) {
    assert!(done, "CUDA error: a queue of work has failed");
}
