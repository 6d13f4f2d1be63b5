//! Which operators a tile's time goes into. A GPU computes behind the worker's back; here it is waited for after each operator, so
//! that what is measured is the GPU's time.

use std::ffi::{CStr, c_char, c_int};
use std::time::Duration;

use patchsweep_core::context::SweepContext;
use patchsweep_core::tile::{Tile, TileWork};

use crate::torch::devices::Devices;

#[allow(unsafe_code)]
unsafe extern "C" {
    fn patchsweep_time_operators(gpus: *const c_int, count: usize);
    fn patchsweep_operators() -> *const c_char;
}

/// Times operators, from now until the process ends, and waits after each for all GPUs among some devices.
#[allow(unsafe_code)]
pub(crate) fn time_on(devices: &Devices) {
    let gpus: Vec<c_int> = devices.gpus().map(|gpu| c_int::try_from(gpu).expect("few GPUs")).collect();
    // SAFETY: `operators.cpp` has it with this signature, and copies the numbers.
    unsafe { patchsweep_time_operators(gpus.as_ptr(), gpus.len()) };
}

/// Of this thread since it was asked last, as a JSON object: calls and seconds of each.
#[allow(unsafe_code)]
pub(crate) fn take() -> String {
    // SAFETY: `operators.cpp` has it with this signature; the text is valid until this thread asks again.
    unsafe { CStr::from_ptr(patchsweep_operators()) }.to_string_lossy().into_owned()
}

/// Logs those of a tile, which took some time as a whole.
pub(crate) fn log(tile: &Tile, context: &SweepContext, took: Duration) {
    let (work, seconds) = (described(tile, context), took.as_secs_f64());
    tracing::info!(work, seconds, operators = take(), "operators timed");
}

fn described(tile: &Tile, context: &SweepContext) -> String {
    let kind = match &tile.work {
        TileWork::Baseline => return "baselines".to_owned(),
        TileWork::Patch { plain: true, .. } | TileWork::Estimate { plain: true, .. } => "check of",
        TileWork::Patch { .. } => "patched",
        TileWork::Estimate { .. } => "estimated",
        TileWork::Activity { .. } => "active",
    };
    let grid = tile.work.cells().map(|(grid, _)| context.grids[grid as usize].name.as_str());
    format!("{kind} {}", grid.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tch::{Device, Kind, Tensor};

    use super::*;

    fn sums() -> BTreeMap<String, (u64, f64)> {
        serde_json::from_str(&take()).expect("JSON")
    }

    #[test]
    fn operators_are_timed_with_those_that_they_call() {
        time_on(&Devices::open("cpu").expect("the CPU"));
        let ones = Tensor::ones([64, 64], (Kind::Float, Device::Cpu));
        let _ = sums();
        for _ in 0..3 {
            let _ = ones.matmul(&ones);
        }
        let found = sums();
        let (calls, seconds) = found["aten::matmul"];
        assert!(calls == 3 && seconds > 0.0 && found.len() == 1, "mm is a part of matmul: {found:?}");
        assert!(sums().is_empty(), "they are taken once");
    }
}
