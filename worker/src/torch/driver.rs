//! Why libtorch finds no GPU: NVIDIA's runtime itself says "insufficient driver" also where there is none.

use std::fmt;

/// What is missing between libtorch and a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoGpu {
    /// `libcuda.so.1` is not there.
    NoDriver,
    /// The driver is too old for the CUDA runtime that libtorch came with.
    OldDriver {
        /// The newest CUDA that the driver knows.
        driver: Version,
        /// The CUDA of libtorch.
        runtime: Version,
    },
    /// There is a driver, and it shows no GPU to this process.
    NoneShown,
}

/// A version of CUDA as it counts them itself: 13020 is 13.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(i32);

impl NoGpu {
    /// Of what the runtime says where it counts no device; `driver` is 0 where there is none.
    pub(crate) fn of(driver: i32, runtime: i32) -> Self {
        match (Version(driver), Version(runtime)) {
            (Version(0), _) => Self::NoDriver,
            (driver, runtime) if driver.major() < runtime.major() => Self::OldDriver { driver, runtime },
            _ => Self::NoneShown,
        }
    }
}

impl Version {
    /// Within one major version an older driver does.
    fn major(self) -> i32 {
        self.0 / 1000
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.0 % 1000 / 10)
    }
}

impl fmt::Display for NoGpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDriver => write!(
                f,
                "there is no NVIDIA driver here (libcuda.so.1); where `nvidia-smi` works outside of a container, have the \
                 container started with its GPUs"
            ),
            Self::OldDriver { driver, runtime } => write!(
                f,
                "the NVIDIA driver knows CUDA {driver}, and libtorch is of CUDA {runtime}: a newer driver is needed"
            ),
            Self::NoneShown => write!(
                f,
                "the NVIDIA driver shows no GPU to this process; compare `nvidia-smi` and CUDA_VISIBLE_DEVICES"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_follows_from_both_versions() {
        assert_eq!(NoGpu::of(0, 13_000), NoGpu::NoDriver);
        assert_eq!(NoGpu::of(13_000, 13_020), NoGpu::NoneShown);
        let old = NoGpu::of(12_080, 13_000);
        assert_eq!(
            old.to_string(),
            "the NVIDIA driver knows CUDA 12.8, and libtorch is of CUDA 13.0: a newer driver is needed"
        );
    }
}
