//! The device to compute on.

use tch::Device;

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Not a device's name.
    #[error("unknown device `{name}`; use `cpu` or `cuda:N`")]
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
        /// What the dynamic loader said.
        source: libloading::Error,
    },
    /// No such GPU.
    #[error("cannot use `{name}`: this machine has {found} CUDA devices that libtorch can use")]
    NoSuchGpu {
        /// As given.
        name: String,
        /// CUDA devices found.
        found: i64,
    },
}

/// The device of a name, `cpu` or `cuda:N`.
///
/// Must come before any other use of libtorch, which looks for CUDA only once.
pub fn open(name: &str) -> Result<Device, DeviceError> {
    if name == "cpu" {
        return Ok(Device::Cpu);
    }
    let unknown = || DeviceError::Unknown { name: name.to_owned() };
    let index = if name == "cuda" { "0" } else { name.strip_prefix("cuda:").ok_or_else(unknown)? };
    let index: usize = index.parse().map_err(|_| unknown())?;
    load_cuda_library().map_err(|source| DeviceError::NoCudaLibrary { name: name.to_owned(), source })?;
    let found = tch::Cuda::device_count();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_device_are_refused() {
        for name in ["gpu", "cuda:x", "cuda:-1", "", "CPU"] {
            assert!(matches!(open(name), Err(DeviceError::Unknown { .. })), "{name}");
        }
        assert_eq!(open("cpu").ok(), Some(Device::Cpu));
    }
}
