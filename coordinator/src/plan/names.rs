//! Names of grids and metrics, which become names of tensors.

use toml::Spanned;

use super::PlanError;
use crate::spec::Source;

/// Tensors that every results file has.
const TAKEN: [&str; 2] = ["clean", "corrupted"];

/// Refuses what would make two tensors of one name: `.` and `@` divide the parts of a tensor's name.
pub(super) fn check(source: &Source, name: &Spanned<String>) -> Result<(), PlanError> {
    let text = name.get_ref();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || !text.chars().all(plain) || TAKEN.contains(&text.as_str()) {
        let message =
            format!("`{text}` cannot name a tensor: use letters, digits, `_` and `-`, but not `clean` or `corrupted`");
        return Err(source.error(name.span(), message).into());
    }
    Ok(())
}
