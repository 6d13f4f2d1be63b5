//! Names of grids and metrics, which become names of tensors.

use std::ops::Range;

use super::PlanError;
use crate::spec::Source;

/// Tensors that every results file has.
const TAKEN: [&str; 2] = ["clean", "corrupted"];

/// Refuses what would make two tensors of one name: `.` and `@` divide the parts of a tensor's name.
pub(super) fn check(source: &Source, place: Range<usize>, text: &str) -> Result<(), PlanError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || !text.chars().all(plain) || TAKEN.contains(&text) {
        let message =
            format!("`{text}` cannot name a tensor: use letters, digits, `_` and `-`, but not `clean` or `corrupted`");
        return Err(source.error(place, message).into());
    }
    Ok(())
}
