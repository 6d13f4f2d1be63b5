//! The device to compute on.

use std::ffi::c_void;
use std::io;

use patchsweep_process::machine::memory;
use tch::Device;

use super::driver::NoGpu;

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Not a device's name.
    #[error("unknown device `{name}`; use `cpu` or `cuda:N`, or several with commas between them")]
    Unknown {
        /// As given.
        name: String,
    },
    /// libtorch's CUDA part is not there.
    #[error(
        "cannot use `{name}`: libtorch_cuda.so cannot be loaded; install the CUDA build of libtorch (`make libtorch CUDA=1`)"
    )]
    NoCudaLibrary {
        /// As given.
        name: String,
        /// The dynamic loader's message.
        source: libloading::Error,
    },
    /// No GPU at all.
    #[error("cannot use `{name}`: {why}")]
    NoGpu {
        /// As given.
        name: String,
        /// What is missing.
        why: NoGpu,
    },
    /// No such GPU, but others.
    #[error("cannot use `{name}`: this machine has {found} CUDA devices that libtorch can use")]
    NoSuchGpu {
        /// As given.
        name: String,
        /// CUDA devices found.
        found: i64,
    },
    /// The CUDA runtime could not be asked.
    #[error("cannot tell how much memory is free; say with --memory-budget how much may be used")]
    NoGpuMemoryInfo {
        /// The dynamic loader's message.
        source: libloading::Error,
    },
    /// The system could not be asked.
    #[error("cannot tell how much memory is free; say with --memory-budget how much may be used")]
    NoMemoryInfo {
        /// Why.
        source: io::Error,
    },
}

/// The device of a name, `cpu` or `cuda:N`.
///
/// Must come before any other use of libtorch, which looks for CUDA only once.
pub(crate) fn open(name: &str) -> Result<Device, DeviceError> {
    if name == "cpu" {
        return Ok(Device::Cpu);
    }
    let unknown = || DeviceError::Unknown { name: name.to_owned() };
    let index = if name == "cuda" { "0" } else { name.strip_prefix("cuda:").ok_or_else(unknown)? };
    let index: usize = index.parse().map_err(|_| unknown())?;
    load_cuda_library().map_err(|source| DeviceError::NoCudaLibrary { name: name.to_owned(), source })?;
    let found = tch::Cuda::device_count();
    if found <= 0 {
        let (driver, runtime) =
            cuda_versions().map_err(|source| DeviceError::NoCudaLibrary { name: name.to_owned(), source })?;
        return Err(DeviceError::NoGpu { name: name.to_owned(), why: NoGpu::of(driver, runtime) });
    }
    if i64::try_from(index).map_or(true, |index| index >= found) {
        return Err(DeviceError::NoSuchGpu { name: name.to_owned(), found });
    }
    Ok(Device::Cuda(index))
}

/// No symbol of `libtorch_cuda.so` is referenced, so the linker leaves it out; its constructors register
/// the CUDA backend when it is loaded.
#[allow(unsafe_code)]
fn load_cuda_library() -> Result<(), libloading::Error> {
    // SAFETY: libtorch_cuda.so is made to be loaded like this (Python's torch does); its initialisers have
    // no preconditions. It is never unloaded.
    let library = unsafe { libloading::Library::new("libtorch_cuda.so") }?;
    std::mem::forget(library);
    Ok(())
}

/// The newest CUDA that the driver knows, 0 where there is no driver, and the CUDA of the runtime that libtorch has loaded.
#[allow(unsafe_code)]
fn cuda_versions() -> Result<(i32, i32), libloading::Error> {
    let (mut driver, mut runtime) = (0, 0);
    // SAFETY: these are the signatures of the CUDA runtime's C interface since CUDA 2.2, both pointers are valid for the call,
    // and the library stays loaded as long as libtorch's CUDA part, which is for ever. On an error the numbers stay 0.
    unsafe {
        let library = libloading::Library::new("libcudart.so.13")?;
        library.get::<unsafe extern "C" fn(*mut i32) -> i32>(b"cudaDriverGetVersion")?(&raw mut driver);
        library.get::<unsafe extern "C" fn(*mut i32) -> i32>(b"cudaRuntimeGetVersion")?(&raw mut runtime);
    }
    Ok((driver, runtime))
}

/// Bytes that are free on a device now: on the CPU what the system can still give, within the limits of this process.
pub(crate) fn free_memory(device: Device) -> Result<u64, DeviceError> {
    if let Device::Cuda(index) = device {
        return free_cuda_memory(index).map_err(|source| DeviceError::NoGpuMemoryInfo { source });
    }
    let free = memory::free().map_err(|source| DeviceError::NoMemoryInfo { source })?;
    tracing::debug!(bytes = free.bytes, limit = ?free.limit, "free memory");
    Ok(free.bytes)
}

fn free_cuda_memory(index: usize) -> Result<u64, libloading::Error> {
    Ok(cuda_memory(index)?.0 as u64)
}

/// Bytes of a GPU that are taken now, by whomever.
pub(crate) fn used_cuda_memory(index: usize) -> Result<u64, libloading::Error> {
    let (free, total) = cuda_memory(index)?;
    Ok(total.saturating_sub(free) as u64)
}

/// Free bytes and all bytes. Asks the CUDA runtime, which libtorch has loaded.
#[allow(unsafe_code)]
fn cuda_memory(index: usize) -> Result<(usize, usize), libloading::Error> {
    let (mut free, mut total) = (0usize, 0usize);
    // SAFETY: these are the signatures of the CUDA runtime's C interface since its first version, both pointers are
    // valid for the call, and the library stays loaded as long as libtorch's CUDA part, which is for ever. On an error
    // the numbers stay 0.
    unsafe {
        let runtime = libloading::Library::new("libcudart.so.13")?;
        let set_device = runtime.get::<unsafe extern "C" fn(i32) -> i32>(b"cudaSetDevice")?;
        let memory_info = runtime.get::<unsafe extern "C" fn(*mut usize, *mut usize) -> i32>(b"cudaMemGetInfo")?;
        set_device(i32::try_from(index).expect("few GPUs"));
        memory_info(&raw mut free, &raw mut total);
    }
    Ok((free, total))
}

/// Lets matrix products on CUDA round their inputs to TF32, or not.
///
/// tch has no name for this setting; libtorch's own default can be changed by the environment.
#[allow(unsafe_code)]
pub(crate) fn allow_tf32(allow: bool) -> Result<(), libloading::Error> {
    // SAFETY: these are `at::Context& at::globalContext()` and `void at::Context::setAllowTF32CuBLAS(bool)`. In the C++ ABI
    // of Linux a reference is a pointer, and a method takes its object first. The context lives as long as the process,
    // and only the engine's thread calls libtorch.
    unsafe {
        let library = libloading::Library::new("libtorch_cpu.so")?;
        let context = library.get::<unsafe extern "C" fn() -> *mut c_void>(b"_ZN2at13globalContextEv")?;
        let set = library.get::<unsafe extern "C" fn(*mut c_void, bool)>(b"_ZN2at7Context18setAllowTF32CuBLASEb")?;
        set(context(), allow);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_has_some_free_memory() {
        assert!(free_memory(Device::Cpu).is_ok_and(|bytes| (1 << 20..1 << 50).contains(&bytes)));
    }

    /// What libtorch says of the setting.
    #[allow(unsafe_code)]
    fn tf32_is_allowed() -> bool {
        // SAFETY: as in `allow_tf32`; this is `bool at::Context::allowTF32CuBLAS() const`.
        unsafe {
            let library = libloading::Library::new("libtorch_cpu.so").expect("libtorch is loaded");
            let context =
                library.get::<unsafe extern "C" fn() -> *mut c_void>(b"_ZN2at13globalContextEv").expect("a function");
            let allows = library
                .get::<unsafe extern "C" fn(*const c_void) -> bool>(b"_ZNK2at7Context15allowTF32CuBLASEv")
                .expect("a function");
            allows(context())
        }
    }

    #[test]
    fn tf32_is_what_it_was_set_to() {
        for allow in [true, false] {
            allow_tf32(allow).expect("libtorch has the setting");
            assert_eq!(tf32_is_allowed(), allow);
        }
    }

    #[test]
    fn names_that_are_no_device_are_refused() {
        for name in ["gpu", "cuda:x", "cuda:-1", "", "CPU"] {
            assert!(matches!(open(name), Err(DeviceError::Unknown { .. })), "{name}");
        }
        assert_eq!(open("cpu").ok(), Some(Device::Cpu));
    }
}
