//! Lines of the log that a stranger can cause as often as it likes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

/// Lets some lines through each second, and counts the others.
#[derive(Debug)]
pub struct Throttle {
    per_second: u32,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    began: Option<Instant>,
    admitted: u32,
    left_out: u64,
}

impl Throttle {
    /// So many lines a second.
    #[must_use]
    pub const fn new(per_second: u32) -> Self {
        Self { per_second, window: Mutex::new(Window { began: None, admitted: 0, left_out: 0 }) }
    }

    /// Whether a line may be logged now: then how many were left out since the last one that was.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            (window.began, window.admitted) = (Some(now), 0);
        }
        if window.admitted == self.per_second {
            window.left_out += 1;
            return None;
        }
        window.admitted += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_rate_are_left_out_and_counted_by_the_next_one() {
        let throttle = Throttle::new(2);
        let start = Instant::now();
        let within = |millis| throttle.admit(start + Duration::from_millis(millis));
        assert_eq!([within(0), within(10), within(20), within(999)], [Some(0), Some(0), None, None]);
        assert_eq!([within(1000), within(1001), within(1002)], [Some(2), Some(0), None]);
        assert_eq!(within(5000), Some(1));
    }
}
