//! Pauses between attempts to connect.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Pauses that grow from half a second to 15 seconds, drawn so that workers do not come in step. Equal seeds give equal
/// pauses.
#[derive(Debug)]
pub(super) struct Backoff {
    random: ChaCha8Rng,
    /// Since the last session.
    failures: u32,
}

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(15);

    pub(super) fn new(seed: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), failures: 0 }
    }

    pub(super) fn next(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let most = Self::LONGEST.min(Self::SHORTEST * 2u32.pow(self.failures.min(5)));
        self.random.random_range(Self::SHORTEST..=most)
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(backoff: &mut Backoff, count: usize) -> Vec<Duration> {
        (0..count).map(|_| backoff.next()).collect()
    }

    #[test]
    fn pauses_are_between_half_a_second_and_15_and_may_double_each_time() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed);
            for most in [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0] {
                let pause = backoff.next().as_secs_f64();
                assert!((0.5..=most).contains(&pause), "{pause} s with seed {seed}");
            }
            backoff.reset();
            assert!(backoff.next() <= Duration::from_secs(1), "short again, with seed {seed}");
        }
    }

    #[test]
    fn equal_seeds_give_equal_pauses_and_others_do_not() {
        let of_seed = |seed| pauses(&mut Backoff::new(seed), 10);
        assert_eq!(of_seed(7), of_seed(7));
        assert_ne!(of_seed(7), of_seed(8));
    }
}
