//! The device to compute on.

use std::io;

use patchsweep_process::machine::memory;
use tch::Device;

use super::cuda_runtime::{self, CudaError};
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
    /// There is no CUDA runtime to ask why no GPU is found.
    #[error("cannot use `{name}`: libtorch finds no GPU")]
    NoRuntime {
        /// As given.
        name: String,
        /// Why.
        source: CudaError,
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
    #[error(
        "cannot tell how much memory `cuda:{index}` has free; another process may have taken it all, or hold it exclusively: \
         compare `nvidia-smi`"
    )]
    NoGpuMemoryInfo {
        /// Which GPU.
        index: usize,
        /// What the runtime says.
        source: CudaError,
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
            cuda_runtime::versions().map_err(|source| DeviceError::NoRuntime { name: name.to_owned(), source })?;
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

/// Bytes that are free on a device now: on the CPU what the system can still give, within the limits of this process.
pub(crate) fn free_memory(device: Device) -> Result<u64, DeviceError> {
    if let Device::Cuda(index) = device {
        let memory = cuda_runtime::memory(index).map_err(|source| DeviceError::NoGpuMemoryInfo { index, source });
        return memory.map(|(free, _)| free);
    }
    let free = memory::free().map_err(|source| DeviceError::NoMemoryInfo { source })?;
    tracing::debug!(bytes = free.bytes, limit = ?free.limit, "free memory");
    Ok(free.bytes)
}

/// Bytes of a GPU that are taken now, by whomever.
pub(crate) fn used_cuda_memory(index: usize) -> Result<u64, CudaError> {
    let (free, total) = cuda_runtime::memory(index)?;
    Ok(total.saturating_sub(free))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_has_some_free_memory() {
        assert!(free_memory(Device::Cpu).is_ok_and(|bytes| (1 << 20..1 << 50).contains(&bytes)));
    }

    #[test]
    fn names_that_are_no_device_are_refused() {
        for name in ["gpu", "cuda:x", "cuda:-1", "", "CPU"] {
            assert!(matches!(open(name), Err(DeviceError::Unknown { .. })), "{name}");
        }
        assert_eq!(open("cpu").ok(), Some(Device::Cpu));
    }
}
