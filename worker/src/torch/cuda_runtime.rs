//! What NVIDIA's CUDA runtime says of versions, memory and lost GPUs. libtorch's CUDA part has loaded it.

use std::ffi::{CStr, c_char};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::Library;

/// Of the CUDA versions that there are builds of libtorch for.
const NAMES: [&str; 2] = ["libcudart.so.13", "libcudart.so.12"];

/// GPUs that were asked for their memory: those that this process computes with. To ask another one would take some of it.
static ASKED: AtomicU64 = AtomicU64::new(0);

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

/// What is asked of it.
struct Runtime {
    driver_version: unsafe extern "C" fn(*mut i32) -> i32,
    own_version: unsafe extern "C" fn(*mut i32) -> i32,
    set_device: unsafe extern "C" fn(i32) -> i32,
    memory_info: unsafe extern "C" fn(*mut usize, *mut usize) -> i32,
    synchronize: unsafe extern "C" fn() -> i32,
    words: unsafe extern "C" fn(i32) -> *const c_char,
}

/// The one that is loaded, or else the newest that there is; looked for until it is found, and kept then.
fn runtime() -> Result<&'static Runtime, libloading::Error> {
    static FOUND: OnceLock<Runtime> = OnceLock::new();
    match FOUND.get() {
        Some(found) => Ok(found),
        None => Runtime::find().map(|found| FOUND.get_or_init(|| found)),
    }
}

impl Runtime {
    #[allow(unsafe_code)]
    fn find() -> Result<Self, libloading::Error> {
        let [newer, older] = NAMES;
        // SAFETY: the CUDA runtime is made to be loaded like this; its initialisers have no preconditions. These are the signatures
        // of its C interface since CUDA 4.0, and it is never unloaded.
        unsafe {
            let library = Library::new(newer).or_else(|error| Library::new(older).map_err(|_| error))?;
            let found = Self {
                driver_version: *library.get(b"cudaDriverGetVersion")?,
                own_version: *library.get(b"cudaRuntimeGetVersion")?,
                set_device: *library.get(b"cudaSetDevice")?,
                memory_info: *library.get(b"cudaMemGetInfo")?,
                synchronize: *library.get(b"cudaDeviceSynchronize")?,
                words: *library.get(b"cudaGetErrorString")?,
            };
            std::mem::forget(library);
            Ok(found)
        }
    }

    /// What this thread asks next is asked of this GPU.
    #[allow(unsafe_code)]
    fn ask_of(&self, index: usize) -> Result<(), CudaError> {
        // SAFETY: it takes any number.
        let status = unsafe { (self.set_device)(i32::try_from(index).expect("few GPUs")) };
        self.answered("cudaSetDevice", status)
    }

    /// Turns the status of a call into an error.
    #[allow(unsafe_code)]
    fn answered(&self, call: &'static str, status: i32) -> Result<(), CudaError> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: it takes any status, and what it gives is a text of its own that lives as long as the library.
        let message = unsafe { CStr::from_ptr((self.words)(status)).to_string_lossy().into_owned() };
        Err(CudaError::Call { call, status, message })
    }
}

/// The newest CUDA that the driver knows, 0 where there is no driver, and the CUDA of the runtime.
#[allow(unsafe_code)]
pub(crate) fn versions() -> Result<(i32, i32), CudaError> {
    let (mut driver, mut own) = (0, 0);
    let runtime = runtime()?;
    // SAFETY: both pointers are valid for the calls. On an error the numbers stay 0.
    unsafe {
        (runtime.driver_version)(&raw mut driver);
        (runtime.own_version)(&raw mut own);
    }
    Ok((driver, own))
}

/// Free bytes of a GPU, and all of its bytes.
#[allow(unsafe_code)]
pub(crate) fn memory(index: usize) -> Result<(u64, u64), CudaError> {
    let (mut free, mut total) = (0usize, 0usize);
    let runtime = runtime()?;
    runtime.ask_of(index)?;
    ASKED.fetch_or(1 << index.min(u64::BITS as usize - 1), Ordering::Relaxed);
    // SAFETY: both pointers are valid for the call.
    let status = unsafe { (runtime.memory_info)(&raw mut free, &raw mut total) };
    runtime.answered("cudaMemGetInfo", status)?;
    Ok((free as u64, total as u64))
}

/// Whether a GPU that was asked before, and is not lost, has hardly any memory left.
pub(crate) fn is_any_full() -> bool {
    const HARDLY_ANY: u64 = 256 << 20;
    let is_full = |index| fault(index).is_none() && memory(index).is_ok_and(|(free, _)| free < HARDLY_ANY);
    let asked = ASKED.load(Ordering::Relaxed);
    (0..u64::BITS as usize).filter(|index| asked & 1 << index != 0).any(is_full)
}

/// Why this process can do nothing more on a GPU; `None` as long as it can. Waits until all that was begun there has ended.
pub(crate) fn fault(index: usize) -> Option<CudaError> {
    state(index).err().filter(is_lasting)
}

#[allow(unsafe_code)]
fn state(index: usize) -> Result<(), CudaError> {
    let runtime = runtime()?;
    runtime.ask_of(index)?;
    // SAFETY: it takes nothing.
    let status = unsafe { (runtime.synchronize)() };
    runtime.answered("cudaDeviceSynchronize", status)
}

/// What was wrong with a call alone, the runtime says to that call. An error that it gives where nothing was asked stays until the
/// process ends, but for missing memory. A runtime that cannot be asked has no fault that is known.
fn is_lasting(error: &CudaError) -> bool {
    const NO_MEMORY: i32 = 2;
    matches!(error, CudaError::Call { status, .. } if *status != NO_MEMORY)
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
