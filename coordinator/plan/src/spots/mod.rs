//! Where the spec's positions are: numbers that are the same in all prompts, or spots that may be others in each.
//!
//! Every list of positions of the spec is read here, before anything is made of it: if prompts have different lengths, or any
//! list has words, the entries of all lists become spots (`patchsweep_core::groups`). Of prompts of one length `end` is a number.

mod by_number;
mod found;
mod found_in;
mod lists;
mod means;
mod order;
mod resolve;
mod said;
mod shifted;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::groups::{Groups, Spot};
use patchsweep_core::length;
use patchsweep_core::tokens::TokenMatrix;

use super::prompts::Prompts;
use super::{Inputs, PlanError};
use crate::spec::schema::Position;
pub(super) use by_number::by_number;
pub(super) use found_in::{Found, find};
pub(super) use order::in_groups;
use said::Said;
pub(super) use said::refuse_names;
pub(super) use shifted::shifted;

/// Where positions are in the prompts of a sweep.
pub(super) struct Places {
    /// Tokens of each prompt where positions are numbers, else spots.
    extent: u32,
    /// Where positions may be others in each prompt.
    spots: Option<Spots>,
}

/// The entries of the spec's lists, and where they are.
struct Spots {
    all: Vec<Spot>,
    /// Equal lists have the same spots.
    lists: BTreeMap<Vec<Said>, Range<u32>>,
    /// Tokens of a prompt, and positions of each spot, as prompts have them; the first prompt's first.
    patterns: Vec<Pattern>,
    /// Index of each prompt's pattern.
    pattern_of: Vec<usize>,
}

/// Tokens of a prompt, and the positions of each spot.
type Pattern = (u32, Vec<Vec<u32>>);

impl Places {
    /// Reads all lists of the spec.
    pub(super) fn read(inputs: &Inputs<'_>, prompts: &Prompts) -> Result<Self, PlanError> {
        let clean = &prompts.clean;
        let lists = lists::all(inputs, clean)?;
        if !clean.is_ragged() && !lists.iter().any(lists::List::has_words) {
            return Ok(Self::numbers(clean));
        }
        lists::refuse_lengths(inputs, prompts, &lists)?;
        let spots = Spots::of(inputs, prompts, &lists)?;
        means::refuse(inputs, prompts, &spots)?;
        Ok(Self { extent: length(spots.all.len()), spots: Some(spots) })
    }

    /// Where each is the same number in all prompts.
    pub(super) fn numbers(clean: &TokenMatrix) -> Self {
        Self { extent: clean.positions(), spots: None }
    }

    /// How many positions there are, or spots.
    pub(super) fn extent(&self) -> u32 {
        self.extent
    }

    /// The spots, if there are any.
    pub(super) fn spots(&self) -> Option<&[Spot]> {
        self.spots.as_ref().map(|spots| spots.all.as_slice())
    }

    /// The spots of a list, ascending, and which entry of it each is; `None` where positions are numbers.
    pub(super) fn of_list(
        &self,
        inputs: &Inputs<'_>,
        place: Range<usize>,
        given: &[Position],
        clean: &TokenMatrix,
    ) -> Result<Option<Vec<(u32, usize)>>, PlanError> {
        let Some(spots) = &self.spots else { return Ok(None) };
        let (list, order): (Vec<Said>, Vec<usize>) = lists::ordered(inputs, &place, given, clean)?.into_iter().unzip();
        Ok(Some(spots.lists[&list].clone().zip(order).collect()))
    }

    /// The spots of all positions, each an entry or all together; `None` where positions are numbers.
    pub(super) fn of_all(&self, clean: &TokenMatrix, each: bool) -> Option<Vec<u32>> {
        let list = if each { lists::every(clean) } else { vec![Said::All] };
        self.spots.as_ref().map(|spots| spots.lists[&list].clone().collect())
    }

    /// The positions of a prompt that are listed.
    pub(super) fn of_prompt(&self, listed: &[u32], prompt: u32) -> Vec<u32> {
        let Some(spots) = &self.spots else { return listed.to_vec() };
        let (_, places) = &spots.patterns[spots.pattern_of[prompt as usize]];
        let mut all: Vec<u32> = listed.iter().flat_map(|&spot| &places[spot as usize]).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The prompts' groups, and of each prompt in their order its number in the dataset.
    pub(super) fn groups(&self) -> Option<Groups> {
        self.spots.as_ref().map(Spots::groups)
    }
}
