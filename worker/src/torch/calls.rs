//! How many operators libtorch ran: of tiles of small products the calls are most of the time.

use std::sync::Once;

#[allow(unsafe_code)]
unsafe extern "C" {
    fn patchsweep_count_calls();
    fn patchsweep_calls() -> u64;
}

/// Calls of this process, those that operators make of each other included; counted from the first question on.
#[allow(unsafe_code)]
pub(crate) fn so_far() -> u64 {
    static COUNTING: Once = Once::new();
    // SAFETY: `calls.cpp` has both with these signatures; counting begins once, and the counter is atomic.
    COUNTING.call_once(|| unsafe { patchsweep_count_calls() });
    // SAFETY: as above.
    unsafe { patchsweep_calls() }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    #[test]
    fn operators_are_counted_with_those_that_they_call() {
        let before = super::so_far();
        let _ = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu))
            .matmul(&Tensor::zeros([3, 2], (Kind::Float, Device::Cpu)));
        assert!(super::so_far() >= before + 4, "zeros twice, matmul, mm");
    }
}
