//! What the C library keeps of memory that nobody uses any more.

/// Gives the system the pages that hold nothing, wherever they are. They cost a page fault each when they are used again.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
pub(crate) fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: the GNU C library has it since its version 2.8 with this signature; it may be called at any time by any thread.
    unsafe {
        malloc_trim(0);
    }
}

/// Other C libraries have no call for it.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}
