//! How many operators libtorch ran: of tiles of small products the calls are most of the time.

use std::sync::Once;

#[allow(unsafe_code)]
unsafe extern "C" {
    fn patchsweep_count_calls();
    fn patchsweep_calls() -> u64;
}

/// Calls of this thread, those that operators make of each other included; counted from anybody's first question on.
#[allow(unsafe_code)]
pub(crate) fn so_far() -> u64 {
    static COUNTING: Once = Once::new();
    // SAFETY: `calls.cpp` has both with these signatures; counting begins once, and each thread has a counter.
    COUNTING.call_once(|| unsafe { patchsweep_count_calls() });
    // SAFETY: as above.
    unsafe { patchsweep_calls() }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    fn calls_of(compute: impl FnOnce()) -> u64 {
        let before = super::so_far();
        compute();
        super::so_far() - before
    }

    fn multiply() {
        let zeros = |sizes: [i64; 2]| Tensor::zeros(sizes, (Kind::Float, Device::Cpu));
        let _ = zeros([2, 3]).matmul(&zeros([3, 2]));
    }

    #[test]
    fn operators_are_counted_with_those_that_they_call() {
        assert!(calls_of(multiply) >= 4, "zeros twice, matmul, mm");
    }

    #[test]
    fn each_thread_counts_its_own() {
        let elsewhere = || std::thread::spawn(multiply).join().expect("zeros can be multiplied");
        assert_eq!(calls_of(elsewhere), 0);
    }
}
