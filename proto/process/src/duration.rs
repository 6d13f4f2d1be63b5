//! Lengths of time on the command line.

use std::time::Duration;

/// Milliseconds of each unit. A name that begins with another one stands before that.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Why a text is no length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// There is no number, or something else behind it.
    #[error("numbers and their units (ms, s, m, h or d), for instance 10m or 1m 30s")]
    Form,
    /// It is more than can be counted.
    #[error("too long")]
    TooLong,
}

/// Numbers with their units, for instance `25s`, `1m 30s` or `30d`.
///
/// # Errors
/// When it is something else, or too long.
pub fn duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    let mut millis: u64 = 0;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|char: char| char.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        if number.is_empty() {
            return Err(DurationError::Form);
        }
        let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
        let unit = UNITS.iter().find_map(|&(name, millis)| Some((behind.strip_prefix(name)?, millis)));
        let (behind, unit) = unit.ok_or(DurationError::Form)?;
        let part = number.checked_mul(unit).ok_or(DurationError::TooLong)?;
        millis = millis.checked_add(part).ok_or(DurationError::TooLong)?;
        rest = behind.trim_start();
        if rest.is_empty() {
            return Ok(Duration::from_millis(millis));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(duration("2d"), Ok(Duration::from_hours(48)));
        assert_eq!(duration("10ms"), Ok(Duration::from_millis(10)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_mins(90)));
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in ["", "10", "m", "1w", "-1s", "1.5h", "10 m", "1m 30", "5mm"] {
            assert_eq!(duration(text), Err(DurationError::Form), "{text}");
        }
        for text in ["99999999999999999999s", "999999999999999999d", "213503982334d 213503982334d"] {
            assert_eq!(duration(text), Err(DurationError::TooLong), "{text}");
        }
    }
}
