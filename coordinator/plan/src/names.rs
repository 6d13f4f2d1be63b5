//! Names of grids and metrics, which become names of tensors.

use std::ops::Range;

use patchsweep_core::grid::Axis;

use super::PlanError;
use crate::spec::Source;

/// Tensors, dimensions and coordinates that every results file has, beside the axes.
const TAKEN: [&str; 8] = ["clean", "corrupted", "iteration", "prompt", "line", "token", "dest_token", "src_token"];

/// Tensors become files, whose names systems limit to 255 bytes: a grid's, a metric's, and what kind of tensor it is.
const MAX_LENGTH: usize = 100;

/// Refuses what would make two tensors of one name: `.` and `@` divide the parts of a tensor's name.
pub(super) fn refuse(source: &Source, place: Range<usize>, text: &str) -> Result<(), PlanError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let refuse = |message: String| Err(source.error(place, message).into());
    if text.is_empty() || !text.chars().all(plain) {
        return refuse(format!("`{text}` cannot name a tensor: use letters, digits, `_` and `-`"));
    }
    if text.starts_with("__") {
        return refuse(format!("`{text}` cannot name a tensor: names that begin with `__` are reserved"));
    }
    if text.len() > MAX_LENGTH {
        return refuse(format!("a name of {} characters is too long: use at most {MAX_LENGTH}", text.len()));
    }
    if TAKEN.contains(&text) || Axis::from_name(text).is_some() {
        return refuse(format!(
            "`{text}` cannot name a tensor, because results have something else of that name: choose another"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{plan, refusal};

    fn refused(name: &str) -> String {
        refusal(&[("axes", &format!("name = \"{name}\"\naxes"))])
    }

    #[test]
    fn what_no_tensor_or_file_can_be_called_is_refused() {
        for name in ["", "a.b", "a@b", "../up", "häd"] {
            assert!(refused(name).contains("use letters, digits, `_` and `-`"), "{name}");
        }
        for name in ["clean", "prompt", "line", "layer", "src_pos", "src_token"] {
            let refused = refused(name);
            assert!(refused.contains(&format!("`{name}` cannot name a tensor")), "{refused}");
        }
        assert!(refused("__z").contains("begin with `__`"));
    }

    #[test]
    fn a_name_fits_into_the_name_of_a_file() {
        let longest = "z".repeat(MAX_LENGTH);
        assert_eq!(plan(&[("axes", &format!("name = \"{longest}\"\naxes"))]).context.grids[0].name, longest);
        let refused = refused(&format!("{longest}z"));
        assert!(refused.contains("a name of 101 characters is too long: use at most 100"), "{refused}");
    }
}
