//! How fast a sweep goes, from its finished tiles.

use std::collections::VecDeque;
use std::time::Duration;

/// What is measured over, where tiles do not take longer.
pub const WINDOW: Duration = Duration::from_mins(1);

/// So many finishes count however long ago they were: tiles may take longer than the window.
const LEAST: usize = 4;

/// Finishes within this time count as one, so that their number is bounded.
const STEP: Duration = Duration::from_secs(1);

/// Multiply-adds per second over a sliding window. Times are since any fixed moment and come in with each call.
#[derive(Clone, Debug, Default)]
pub struct Throughput {
    /// From when on the first of `finished` was being computed; `None`: nothing is.
    since: Option<Duration>,
    /// When, and how many multiply-adds; oldest first.
    finished: VecDeque<(Duration, u64)>,
}

impl Throughput {
    /// Whether somebody computes. What was measured before a pause says nothing of what comes behind it.
    pub fn working(&mut self, now: Duration, is_working: bool) {
        if !is_working {
            *self = Self::default();
        } else if self.since.is_none() {
            self.since = Some(now);
        }
    }

    /// A tile of this cost, in multiply-adds, was finished.
    pub fn finished(&mut self, now: Duration, cost: u64) {
        // A tile that nobody was known to compute came with a worker of an earlier life: when it was begun is not known.
        let Some(since) = &mut self.since else { return };
        match self.finished.back_mut() {
            Some((at, sum)) if now < *at + STEP => *sum = sum.saturating_add(cost),
            _ => self.finished.push_back((now, cost)),
        }
        while self.finished.len() > LEAST && self.finished.front().is_some_and(|&(at, _)| at + WINDOW < now) {
            *since = self.finished.pop_front().map_or(*since, |(at, _)| at);
        }
    }

    /// Multiply-adds per second; `None` before anything was finished.
    #[must_use]
    pub fn rate(&self, now: Duration) -> Option<u64> {
        let old = self.finished.len().saturating_sub(LEAST);
        let old = self.finished.iter().take(old).take_while(|&&(at, _)| at + WINDOW < now).count();
        let since = old.checked_sub(1).map_or(self.since?, |last| self.finished[last].0);
        let costs = self.finished.iter().skip(old).map(|&(_, cost)| u128::from(cost));
        let micros = now.saturating_sub(since).as_micros().max(1);
        let rate = u64::try_from(costs.sum::<u128>() * 1_000_000 / micros).unwrap_or(u64::MAX);
        Some(rate).filter(|_| !self.finished.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A tile of `cost` every `each` seconds until `end`.
    fn steady(throughput: &mut Throughput, start: u64, end: u64, each: u64, cost: u64) {
        let mut now = start;
        while now + each <= end {
            now += each;
            throughput.finished(seconds(now), cost);
        }
    }

    #[test]
    fn nothing_is_known_before_the_first_tile_is_finished() {
        let mut throughput = Throughput::default();
        assert_eq!(throughput.rate(seconds(5)), None);
        throughput.working(seconds(5), true);
        assert_eq!(throughput.rate(seconds(8)), None);
        throughput.finished(seconds(9), 400);
        assert_eq!(throughput.rate(seconds(9)), Some(100));
    }

    #[test]
    fn the_last_minute_counts_and_what_was_before_does_not() {
        let mut throughput = Throughput::default();
        throughput.working(seconds(0), true);
        steady(&mut throughput, 0, 300, 2, 2_000);
        assert_eq!(throughput.rate(seconds(300)), Some(1_000));
        steady(&mut throughput, 300, 400, 2, 200);
        assert_eq!(throughput.rate(seconds(400)), Some(100));
    }

    #[test]
    fn tiles_that_take_longer_than_the_window_count_all_the_same() {
        let mut throughput = Throughput::default();
        throughput.working(seconds(0), true);
        steady(&mut throughput, 0, 3_000, 300, 3_000);
        assert_eq!(throughput.rate(seconds(3_000)), Some(10));
    }

    #[test]
    fn a_sweep_that_hangs_becomes_slower_and_slower() {
        let mut throughput = Throughput::default();
        throughput.working(seconds(0), true);
        steady(&mut throughput, 0, 100, 1, 100);
        let rates: Vec<u64> = [110, 200, 1_000].map(|now| throughput.rate(seconds(now)).expect("measured")).into();
        assert!(rates.is_sorted_by(|a, b| a > b) && rates[2] < 2, "{rates:?}");
    }

    #[test]
    fn a_pause_without_workers_is_not_measured() {
        let mut throughput = Throughput::default();
        throughput.working(seconds(0), true);
        throughput.finished(seconds(10), 1_000);
        throughput.working(seconds(11), false);
        assert_eq!(throughput.rate(seconds(500)), None);
        throughput.finished(seconds(550), 1_000);
        assert_eq!(throughput.rate(seconds(560)), None, "nobody knows when it was begun");
        throughput.working(seconds(600), true);
        throughput.finished(seconds(610), 500);
        assert_eq!(throughput.rate(seconds(610)), Some(50));
    }

    #[test]
    fn however_many_tiles_are_finished_little_is_kept() {
        let mut throughput = Throughput::default();
        throughput.working(seconds(0), true);
        for millis in 0..200_000 {
            throughput.finished(Duration::from_millis(millis), 5);
        }
        assert!(throughput.finished.len() <= 62, "{} entries", throughput.finished.len());
        let rate = throughput.rate(seconds(200)).expect("measured");
        assert!((4_900..=5_100).contains(&rate), "{rate}");
    }
}
