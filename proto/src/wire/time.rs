//! Points and spans of time, in milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::WireError;

/// The latest time that is taken, the year 10000: what clocks can hold differs from system to system.
const LATEST: u64 = 253_402_300_800_000;

/// Times before 1970 count as its beginning.
#[must_use]
pub fn unix_milliseconds(time: SystemTime) -> u64 {
    milliseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Refuses what is later than the year 10000.
pub fn from_unix_milliseconds(
    unix_ms: u64,
    message: &'static str,
    field: &'static str,
) -> Result<SystemTime, WireError> {
    if unix_ms > LATEST {
        return Err(WireError::invalid(message, field, format!("{unix_ms} ms are after the year 10000")));
    }
    Ok(UNIX_EPOCH + Duration::from_millis(unix_ms))
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn from_milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
