//! Times, rates and sizes, short enough for one line.

use std::time::Duration;

use super::table;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// In its two largest units: `9s`, `1m 40s`, `2h 05m`, `3d 04h`.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m {:02}s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{}h {:02}m", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{}d {:02}h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// Multiply-adds in a second.
pub(super) fn rate(multiply_adds_per_second: u64) -> String {
    format!("{} multiply-adds/s", table::scientific(multiply_adds_per_second))
}

/// Bytes that are used of a budget, in the budget's unit: `3.2/9.0 GiB`.
// To a tenth, where the loss of precision is the point.
#[allow(clippy::cast_precision_loss)]
pub(super) fn memory(used: u64, budget: u64) -> String {
    let (bytes, unit) = [(1_u64 << 30, "GiB"), (1 << 20, "MiB")]
        .into_iter()
        .find(|(bytes, _)| budget.max(used) >= *bytes)
        .unwrap_or((1 << 10, "KiB"));
    let in_unit = |count: u64| count as f64 / bytes as f64;
    format!("{:.1}/{:.1} {unit}", in_unit(used), in_unit(budget))
}

/// Bytes in the unit that fits. Without a space, so that columns stay columns for `awk`.
#[allow(clippy::cast_precision_loss)]
pub(super) fn bytes(count: u64) -> String {
    let mut size = count as f64;
    let mut larger = ["KiB", "MiB", "GiB", "TiB"].into_iter();
    let mut unit = "B";
    while size >= 1024.0
        && let Some(next) = larger.next()
    {
        size /= 1024.0;
        unit = next;
    }
    format!("{size:.1}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_its_two_largest_units() {
        let seconds = [0, 59, 60, 100, 3599, 3600, 7500, 86_399, 86_400, 273_600];
        let texts = seconds.map(|seconds| time(Duration::from_secs(seconds)));
        let wanted = ["0s", "59s", "1m 00s", "1m 40s", "59m 59s", "1h 00m", "2h 05m", "23h 59m", "1d 00h", "3d 04h"];
        assert_eq!(texts, wanted);
    }

    #[test]
    fn memory_is_shown_in_the_unit_of_the_budget() {
        assert_eq!(memory(3 << 30, 9 << 30), "3.0/9.0 GiB");
        assert_eq!(memory(1 << 20, 512 << 20), "1.0/512.0 MiB");
        assert_eq!(memory(0, 0), "0.0/0.0 KiB");
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        assert_eq!([0, 1023, 1536, 5 << 30, 3 << 50].map(bytes), ["0.0B", "1023.0B", "1.5KiB", "5.0GiB", "3072.0TiB"]);
    }
}
