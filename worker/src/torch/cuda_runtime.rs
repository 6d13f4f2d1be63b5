//! What NVIDIA's CUDA runtime says of versions, memory and lost GPUs. libtorch's CUDA part has loaded it.

use std::ffi::{CStr, c_char};

use libloading::Library;

/// Of the CUDA versions that there are builds of libtorch for.
const NAMES: [&str; 2] = ["libcudart.so.13", "libcudart.so.12"];

/// Why the runtime says nothing.
#[derive(Debug, thiserror::Error)]
pub enum CudaError {
    /// It is not there, or it is another one.
    #[error("the CUDA runtime cannot be asked")]
    NoRuntime(#[from] libloading::Error),
    /// It refused a call.
    #[error("{call} failed: {message}")]
    Call {
        /// The function.
        call: &'static str,
        /// What it gave.
        status: i32,
        /// The runtime's words.
        message: String,
    },
}

/// The one that is loaded, or else the newest that there is.
#[allow(unsafe_code)]
fn runtime() -> Result<Library, libloading::Error> {
    let [newer, older] = NAMES;
    // SAFETY: the CUDA runtime is made to be loaded like this; its initialisers have no preconditions.
    unsafe { Library::new(newer).or_else(|error| Library::new(older).map_err(|_| error)) }
}

/// The newest CUDA that the driver knows, 0 where there is no driver, and the CUDA of the runtime.
#[allow(unsafe_code)]
pub(crate) fn versions() -> Result<(i32, i32), CudaError> {
    let (mut driver, mut own) = (0, 0);
    // SAFETY: these are the signatures of the CUDA runtime's C interface since CUDA 2.2, both pointers are valid for the calls,
    // and the library stays loaded as long as libtorch's CUDA part, which is for ever. On an error the numbers stay 0.
    unsafe {
        let library = runtime()?;
        library.get::<unsafe extern "C" fn(*mut i32) -> i32>(b"cudaDriverGetVersion")?(&raw mut driver);
        library.get::<unsafe extern "C" fn(*mut i32) -> i32>(b"cudaRuntimeGetVersion")?(&raw mut own);
    }
    Ok((driver, own))
}

/// Free bytes of a GPU, and all of its bytes.
#[allow(unsafe_code)]
pub(crate) fn memory(index: usize) -> Result<(u64, u64), CudaError> {
    let (mut free, mut total) = (0usize, 0usize);
    // SAFETY: these are the signatures of the CUDA runtime's C interface since its first version, both pointers are valid for
    // the call, and the library stays loaded as long as libtorch's CUDA part, which is for ever.
    unsafe {
        let library = runtime()?;
        set_device(&library, index)?;
        let memory_info = library.get::<unsafe extern "C" fn(*mut usize, *mut usize) -> i32>(b"cudaMemGetInfo")?;
        answered(&library, "cudaMemGetInfo", memory_info(&raw mut free, &raw mut total))?;
    }
    Ok((free as u64, total as u64))
}

/// Why this process can do nothing more on a GPU; `None` as long as it can. Waits until all that was begun there has ended.
pub(crate) fn fault(index: usize) -> Option<CudaError> {
    state(index).err().filter(is_lasting)
}

/// What was wrong with a call alone, the runtime says to that call. An error that it gives where nothing was asked stays until the
/// process ends, but for missing memory. A runtime that cannot be asked has no fault that is known.
fn is_lasting(error: &CudaError) -> bool {
    const NO_MEMORY: i32 = 2;
    matches!(error, CudaError::Call { status, .. } if *status != NO_MEMORY)
}

#[allow(unsafe_code)]
fn state(index: usize) -> Result<(), CudaError> {
    // SAFETY: these are the signatures of the CUDA runtime's C interface since CUDA 4.0, and the library stays loaded as long as
    // libtorch's CUDA part, which is for ever.
    unsafe {
        let library = runtime()?;
        set_device(&library, index)?;
        let synchronize = library.get::<unsafe extern "C" fn() -> i32>(b"cudaDeviceSynchronize")?;
        answered(&library, "cudaDeviceSynchronize", synchronize())
    }
}

/// What this thread asks next is asked of this GPU.
#[allow(unsafe_code)]
fn set_device(library: &Library, index: usize) -> Result<(), CudaError> {
    // SAFETY: this is its signature since CUDA's first version.
    let status = unsafe {
        let set_device = library.get::<unsafe extern "C" fn(i32) -> i32>(b"cudaSetDevice")?;
        set_device(i32::try_from(index).expect("few GPUs"))
    };
    answered(library, "cudaSetDevice", status)
}

/// Turns the status of a call into an error.
#[allow(unsafe_code)]
fn answered(library: &Library, call: &'static str, status: i32) -> Result<(), CudaError> {
    if status == 0 {
        return Ok(());
    }
    // SAFETY: this is its signature since CUDA's first version; it takes any status, and what it gives is a text of its own that
    // lives as long as the library.
    let message = unsafe {
        let words = library.get::<unsafe extern "C" fn(i32) -> *const c_char>(b"cudaGetErrorString")?;
        CStr::from_ptr(words(status)).to_string_lossy().into_owned()
    };
    Err(CudaError::Call { call, status, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_without_memory_is_not_lost_and_one_that_went_astray_is() {
        let call = |status| CudaError::Call { call: "cudaDeviceSynchronize", status, message: String::new() };
        let [illegal_address, launch_failure, ecc, unavailable] = [700, 719, 214, 46].map(call);
        assert!([illegal_address, launch_failure, ecc, unavailable].iter().all(is_lasting));
        assert!(!is_lasting(&call(2)));
    }
}
