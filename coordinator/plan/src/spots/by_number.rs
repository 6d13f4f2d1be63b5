//! Positions counted from the end, as numbers: where all prompts have one length, `end` is the same one in each.

use patchsweep_core::tokens::TokenMatrix;

use super::lists::of_grid;
use super::said::apart;
use crate::spec::Spec;
use crate::spec::schema::{OneOrMore, Position};

/// The last token's name.
pub(super) const END: &str = "end";

/// The spec with numbers in place of `end` and of `end-1`, where it has no other words and prompts have one length: paths, features
/// and estimates know positions by number only.
///
/// `None`: it stays as it is; so it does where an axis shows words, which are then what its indices are called.
pub(in super::super) fn by_number(spec: &Spec, clean: &TokenMatrix) -> Option<Spec> {
    if clean.is_ragged() || axes_have_words(spec) {
        return None;
    }
    let mut numbered = spec.clone();
    for list in lists(&mut numbered) {
        for position in list.iter_mut() {
            *position = number(position, clean.positions())?;
        }
    }
    Some(numbered)
}

/// Whether a list says what the indices of an axis are called.
fn axes_have_words(spec: &Spec) -> bool {
    let has_words = |grid: &crate::spec::schema::Grid| {
        of_grid(grid).into_iter().any(|(axis, given)| {
            let is_shown = grid.axes.iter().any(|word| word.get_ref() == axis.name());
            let words = |position: &Position| matches!(position, Position::Words(_));
            is_shown && given.is_some_and(|given| given.get_ref().iter().any(words))
        })
    };
    spec.grid.iter().any(has_words)
}

/// All lists of positions.
fn lists(spec: &mut Spec) -> Vec<&mut [Position]> {
    let mut lists: Vec<&mut [Position]> = Vec::new();
    for iteration in &mut spec.iteration {
        lists.push(match iteration.read.get_mut() {
            OneOrMore::One(one) => std::slice::from_mut(one),
            OneOrMore::More(more) => more.as_mut_slice(),
        });
        lists.extend(iteration.corrupt.iter_mut().map(|list| list.get_mut().as_mut_slice()));
    }
    for grid in &mut spec.grid {
        let of_grid = [&mut grid.positions, &mut grid.dest_positions, &mut grid.src_positions];
        let of_also = grid.also.iter_mut().map(|also| &mut also.positions);
        lists.extend(of_grid.into_iter().chain(of_also).flatten().map(|list| list.get_mut().as_mut_slice()));
    }
    lists
}

/// A number that means the same, from the end; none for other words, and for what leaves the prompts.
fn number(position: &Position, length: u32) -> Option<Position> {
    let Position::Words(words) = position else { return Some(position.clone()) };
    let (name, offset) = apart(words);
    let offset = offset.filter(|_| name == END)?;
    (1 - i64::from(length)..=0).contains(&offset).then(|| Position::Number(offset - 1))
}
