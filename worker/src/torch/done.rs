//! Whether what C++ was asked for is done: what libtorch throws must not get out of it.

use std::ffi::{CStr, c_char};

/// What `done` of `gpu.cpp` gives: null, or what libtorch says went wrong. The next call of its thread that fails writes there.
#[must_use]
#[repr(transparent)]
pub(super) struct Done(*const c_char);

impl Done {
    /// # Panics
    /// Where it is not done: with libtorch's words, as tch does, for missing memory is known by them.
    #[allow(unsafe_code)]
    pub(super) fn or_panic(self) {
        if !self.0.is_null() {
            // SAFETY: only `done` makes one that is not null, of a text that it keeps for this thread until its next call that fails;
            // and one of these stays on its thread.
            let words = unsafe { CStr::from_ptr(self.0) };
            panic!("{}", words.to_string_lossy());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torch::tiles::memory::{OutOfMemory, within_memory};

    #[test]
    fn missing_memory_is_known_by_the_words() {
        assert!(within_memory(|| Done(std::ptr::null()).or_panic()).is_ok());
        let words = c"CUDA out of memory. Tried to allocate 2.00 GiB";
        assert!(matches!(within_memory(|| Done(words.as_ptr()).or_panic()), Err(OutOfMemory)));
    }
}
