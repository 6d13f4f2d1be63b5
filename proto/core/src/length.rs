//! Lengths as what goes over the wire has them.

/// How many there are, or the place of one among them, of something that is counted in 32 bits wherever it is bounded: prompts,
/// tiles, cells of a grid, metrics, workers, attempts. It is held in memory, and its bound has been checked before.
///
/// # Panics
/// When there are 2^32 or more. A length that saturates would be a wrong one.
#[must_use]
#[track_caller]
pub fn length(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than 2^32: planning refuses more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_exact() {
        assert_eq!([0, 7, u32::MAX as usize].map(length), [0, 7, u32::MAX]);
    }

    #[test]
    #[should_panic(expected = "planning refuses more")]
    fn a_length_does_not_saturate() {
        let _ = length(u32::MAX as usize + 1);
    }
}
