//! All lists of positions that a spec has.

use std::ops::Range;

use patchsweep_core::grid::Axis;
use patchsweep_core::tokens::TokenMatrix;

use super::super::positions::from_either_end;
use super::super::prompts::Prompts;
use super::super::{Inputs, PlanError};
use super::said::{Said, said};
use crate::spec::Spanned;
use crate::spec::schema::{Ablation, Grid, Position};

/// A list of positions.
pub(super) struct List {
    /// Where it stands.
    pub(super) place: Range<usize>,
    pub(super) entries: Vec<Said>,
    /// Whether its positions are read.
    pub(super) is_read: bool,
}

impl List {
    pub(super) fn has_words(&self) -> bool {
        self.entries.iter().any(|said| matches!(said, Said::End(_) | Said::Named(..)))
    }
}

/// Those of iterations and grids; where a grid leaves one out, that of all positions.
pub(super) fn all(inputs: &Inputs<'_>, clean: &TokenMatrix) -> Result<Vec<List>, PlanError> {
    let list = |place: Range<usize>, given: &[Position], is_read| -> Result<List, PlanError> {
        let entries = ordered(inputs, &place, given, clean)?.into_iter().map(|(said, _)| said).collect();
        Ok(List { place, entries, is_read })
    };
    let mut lists = Vec::new();
    for iteration in &inputs.spec.iteration {
        lists.push(list(iteration.read.span(), iteration.read.get_ref().as_slice(), true)?);
        if let Some(corrupt) = &iteration.corrupt {
            lists.push(list(corrupt.span(), corrupt.get_ref(), false)?);
        }
    }
    for grid in &inputs.spec.grid {
        for (axis, given) in of_grid(grid) {
            let is_axis = grid.axes.iter().any(|word| word.get_ref() == axis.name());
            match given {
                Some(given) => lists.push(list(given.span(), given.get_ref(), false)?),
                None if is_axis => lists.push(List { place: grid.place(), entries: every(clean), is_read: false }),
                None => lists.push(List { place: grid.place(), entries: vec![Said::All], is_read: false }),
            }
        }
        for also in &grid.also {
            match &also.positions {
                Some(given) => lists.push(list(given.span(), given.get_ref(), false)?),
                None => {
                    lists.push(List { place: also.component.span(), entries: vec![Said::All], is_read: false });
                }
            }
        }
    }
    Ok(lists)
}

/// A grid's axes of positions, and what it lists along each.
pub(super) fn of_grid(grid: &Grid) -> [(Axis, Option<&Spanned<Vec<Position>>>); 3] {
    [
        (Axis::Pos, grid.positions.as_ref()),
        (Axis::DestPos, grid.dest_positions.as_ref()),
        (Axis::SrcPos, grid.src_positions.as_ref()),
    ]
}

/// Every position as an entry of its own.
pub(super) fn every(clean: &TokenMatrix) -> Vec<Said> {
    (0..clean.positions()).map(|pos| Said::Number(pos.into())).collect()
}

/// The entries of a list in the order of the axis, and which one of it each is: numbers alone ascend, anything else is as it
/// stands.
pub(super) fn ordered(
    inputs: &Inputs<'_>,
    place: &Range<usize>,
    given: &[Position],
    clean: &TokenMatrix,
) -> Result<Vec<(Said, usize)>, PlanError> {
    let mut entries = given.iter().map(|position| said(inputs, place, position)).collect::<Result<Vec<_>, _>>()?;
    let are_numbers = entries.iter().all(|said| matches!(said, Said::Number(_)));
    if are_numbers && !clean.is_ragged() {
        let from_start = |said: &Said| match said {
            Said::Number(number) => from_either_end(*number, clean.positions()).map(|pos| Said::Number(pos.into())),
            _ => None,
        };
        // Those that are out of range are refused where the list is used.
        entries = entries.iter().map(|said| from_start(said).unwrap_or(*said)).collect();
    }
    let mut ordered: Vec<(Said, usize)> = entries.into_iter().zip(0..).collect();
    if are_numbers {
        ordered.sort_unstable();
    }
    Ok(ordered)
}

/// Refuses what means nothing where prompts have different lengths.
pub(super) fn refuse_lengths(inputs: &Inputs<'_>, prompts: &Prompts, lists: &[List]) -> Result<(), PlanError> {
    let Some((short, long)) = lengths(prompts) else { return Ok(()) };
    let refuse = |place: Range<usize>, message: String| Err(inputs.source.error(place, message).into());
    let differ = format!("prompts have different lengths ({short}, {long})");
    for grid in &inputs.spec.grid {
        for (axis, given) in of_grid(grid) {
            if let (Some(word), None) = (grid.axes.iter().find(|word| word.get_ref() == axis.name()), given) {
                let key = key(axis);
                let message =
                    format!("{differ}, so the axis `{axis}` needs `{key}`: names, or numbers counted from the end");
                return refuse(word.span(), message);
            }
        }
        let takes_mean =
            grid.ablate == Some(Ablation::Mean) || grid.also.iter().any(|also| also.ablate == Some(Ablation::Mean));
        if takes_mean {
            let message = format!(
                "{differ}, so there is no mean position by position: ablate with `zero`, or take prompts of one length"
            );
            return refuse(grid.place(), message);
        }
    }
    for List { place, entries, .. } in lists {
        let from_start = entries.iter().find_map(|said| match said {
            Said::Number(number @ 0..) => Some(number),
            _ => None,
        });
        if let Some(number) = from_start {
            let message = format!(
                "{differ}, so position {number} means something else in each: give a name, or count from the end, like -1 or \
                 `end`"
            );
            return refuse(place.clone(), message);
        }
    }
    Ok(())
}

/// Two prompts of different lengths, in words.
fn lengths(prompts: &Prompts) -> Option<(String, String)> {
    let clean = &prompts.clean;
    let first = clean.row(0).len();
    let other = (0..clean.prompts()).find(|&prompt| clean.row(prompt).len() != first)?;
    let words = |prompt: u32| {
        let tokens = clean.row(prompt).len();
        match &prompts.lines {
            Some(lines) => format!("line {} has {tokens} tokens", lines[prompt as usize]),
            None => format!("prompt {prompt} has {tokens} tokens"),
        }
    };
    Some((words(0), words(other)))
}

pub(super) fn key(axis: Axis) -> &'static str {
    match axis {
        Axis::DestPos => "dest_positions",
        Axis::SrcPos => "src_positions",
        _ => "positions",
    }
}
