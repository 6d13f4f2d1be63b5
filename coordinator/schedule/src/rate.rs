//! How fast workers compute, in whole multiply-adds per second, so that the state stays comparable.

use std::time::Duration;

/// A moving average; `None` until something was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rate(Option<u64>);

impl Rate {
    /// A tile of this cost took this long. The last four tiles or so weigh most.
    pub(super) fn learn(&mut self, cost: u64, busy: Duration) {
        let micros = busy.as_micros().max(1);
        let measured = u64::try_from(u128::from(cost) * 1_000_000 / micros).unwrap_or(u64::MAX).max(1);
        self.0 = Some(self.0.map_or(measured, |known| known - known / 4 + measured / 4).max(1));
    }

    pub(super) fn get(self) -> Option<u64> {
        self.0
    }

    /// What is known of the worker, else of the fleet.
    pub(super) fn or(self, fleet: Self) -> Self {
        Self(self.0.or(fleet.0))
    }

    /// How long a tile should take.
    pub(super) fn expected(self, cost: u64) -> Option<Duration> {
        let micros = u128::from(cost) * 1_000_000 / u128::from(self.0?);
        Some(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_what_is_measured() {
        let mut rate = Rate::default();
        assert_eq!(rate.expected(10), None);
        rate.learn(100, Duration::from_secs(1));
        assert_eq!(rate.expected(50), Some(Duration::from_millis(500)));
        for _ in 0..40 {
            rate.learn(1_000, Duration::from_secs(1));
        }
        let settled = rate.get().expect("measured");
        assert!((990..=1_000).contains(&settled), "{settled}");
    }

    #[test]
    fn instant_and_free_tiles_are_no_reason_to_panic() {
        let mut rate = Rate::default();
        rate.learn(u64::MAX, Duration::ZERO);
        rate.learn(0, Duration::MAX);
        assert!(rate.expected(u64::MAX).is_some());
        let mut idle = Rate::default();
        idle.learn(0, Duration::MAX);
        assert_eq!(idle.expected(u64::MAX), Some(Duration::from_micros(u64::MAX)));
    }
}
