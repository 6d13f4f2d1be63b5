//! Indices as a spec gives them: from the start, or negative from the end.

use super::{Inputs, PlanError};
use crate::spec::Spanned;
use crate::spec::schema::Position;

/// The index among `length`; none where it is out of range.
pub(super) fn from_either_end(given: i64, length: u32) -> Option<u32> {
    let from_start = if given < 0 { given + i64::from(length) } else { given };
    u32::try_from(from_start).ok().filter(|&index| index < length)
}

/// One position of prompts of `length` tokens.
pub(super) fn position<T>(inputs: &Inputs<'_>, place: &Spanned<T>, given: i64, length: u32) -> Result<u32, PlanError> {
    from_either_end(given, length).ok_or_else(|| {
        let message = format!(
            "position {given} is out of range: the prompts have {length} tokens (0 to {}, or -{length} to -1)",
            length - 1
        );
        inputs.source.error(place.span(), message).into()
    })
}

/// A position that is a number, as all are where there are no spots.
pub(super) fn number(given: &Position) -> Option<i64> {
    match given {
        Position::Number(number) => Some(*number),
        Position::Words(_) => None,
    }
}

/// A set of positions of prompts of `length` tokens, ascending.
pub(super) fn positions(
    inputs: &Inputs<'_>,
    given: &Spanned<Vec<Position>>,
    length: u32,
) -> Result<Vec<u32>, PlanError> {
    let position = |pos: i64| position(inputs, given, pos, length);
    let mut positions = given.get_ref().iter().filter_map(number).map(position).collect::<Result<Vec<_>, _>>()?;
    positions.sort_unstable();
    positions.dedup();
    Ok(positions)
}

/// An index that comes twice in an ascending list.
pub(super) fn repeated(ascending: &[u32]) -> Option<u32> {
    ascending.iter().zip(ascending.iter().skip(1)).find(|(one, next)| one == next).map(|(&one, _)| one)
}

#[cfg(test)]
mod tests {
    use super::{from_either_end, repeated};

    #[test]
    fn a_repeated_index_is_found() {
        assert_eq!((repeated(&[1, 3, 3, 4]), repeated(&[1, 3]), repeated(&[])), (Some(3), None, None));
    }

    #[test]
    fn negative_indices_count_from_the_end() {
        assert_eq!([0, 4, -1, -5].map(|given| from_either_end(given, 5)), [Some(0), Some(4), Some(4), Some(0)]);
        assert!([5, -6, i64::MIN, i64::MAX].into_iter().all(|given| from_either_end(given, 5).is_none()));
    }
}
