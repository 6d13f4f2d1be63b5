//! Queues of work: a GPU does what a thread asks of it later, in order. Threads share a queue, unless one has its own.

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

use tch::{Device, Tensor};

use crate::torch::done::Done;

#[allow(unsafe_code)]
unsafe extern "C" {
    fn patchsweep_own_queue(index: c_int) -> Done;
    fn patchsweep_mark(index: c_int, mark: *mut *mut c_void) -> Done;
    fn patchsweep_queue_behind(mark: *const c_void, index: c_int) -> Done;
    fn patchsweep_wait_for(mark: *const c_void) -> Done;
    fn patchsweep_forget(mark: *mut c_void);
    fn patchsweep_used_here(tensor: *const c_void) -> Done;
}

/// What this thread asks of a GPU goes into a queue of its own from now on. A CPU has no queue.
#[allow(unsafe_code)]
pub(crate) fn own(device: Device) {
    if let Device::Cuda(index) = device {
        // SAFETY: `gpu.cpp` has it with this signature.
        unsafe { patchsweep_own_queue(number(index)) }.or_panic();
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
        let mut mark = std::ptr::null_mut();
        // SAFETY: `gpu.cpp` has it with this signature; the place of the mark is valid for the call, and what it puts there is the
        // caller's.
        unsafe { patchsweep_mark(number(index), &raw mut mark) }.or_panic();
        NonNull::new(mark).map(Self)
    }

    /// What this thread asks of a GPU from now on, it does behind this.
    #[allow(unsafe_code)]
    pub(crate) fn comes_before(&self, device: Device) {
        if let Device::Cuda(index) = device {
            // SAFETY: `gpu.cpp` has it with this signature; the event lives.
            unsafe { patchsweep_queue_behind(self.0.as_ptr(), number(index)) }.or_panic();
        }
    }

    /// Waits until the GPU gets there.
    #[allow(unsafe_code)]
    pub(crate) fn wait(&self) {
        // SAFETY: `gpu.cpp` has it with this signature; the event lives.
        unsafe { patchsweep_wait_for(self.0.as_ptr()) }.or_panic();
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
        unsafe { patchsweep_used_here(tensor.as_ptr().cast()) }.or_panic();
    }
}

fn number(index: usize) -> c_int {
    c_int::try_from(index).expect("few GPUs")
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;
    use crate::panics::message;

    #[test]
    fn what_a_queue_fails_of_is_said_in_the_words_of_libtorch() {
        // No machine has it.
        let gpu = Device::Cuda(120);
        for fails in [|gpu| own(gpu), |gpu| drop(Mark::of(gpu))] {
            let said = message(catch_unwind(|| fails(gpu)).expect_err("there is no such GPU").as_ref());
            assert!(said.to_lowercase().contains("cuda") && said.len() > 20, "{said}");
        }
    }
}
