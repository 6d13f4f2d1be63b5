//! Prompts for which causality says the same of every cell: it is asked once for all of them, while the device waits.

use std::collections::HashMap;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::causality::PromptPair;
use patchsweep_core::grid::Cell;

/// Some prompts of one part under one iteration.
pub(super) struct Alike<'a> {
    /// One for each kind of prompts.
    pub(super) pairs: Vec<PromptPair<'a>>,
    /// The kind of each prompt.
    kinds: Vec<usize>,
}

/// For each kind of prompts the first position where a cell's patch can change the score, if there is one.
pub(super) type FirstChanges = Vec<Option<u32>>;

impl<'a> Alike<'a> {
    pub(super) fn of(prompts: impl Iterator<Item = PromptPair<'a>>) -> Self {
        let (mut known, mut pairs) = (HashMap::new(), Vec::new());
        let kind = |pair: PromptPair<'a>| {
            *known.entry(pair.corrupted()).or_insert_with(|| {
                pairs.push(pair);
                pairs.len() - 1
            })
        };
        let kinds = prompts.map(kind).collect();
        Self { pairs, kinds }
    }

    /// How many prompts.
    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    pub(super) fn first_changes(&self, cell: &Cell<'_>, model: &Architecture) -> FirstChanges {
        self.pairs.iter().map(|pair| pair.first_change(cell, model).ok()).collect()
    }

    /// For each prompt, whether the patch can change its score at a read position.
    pub(super) fn reached(&self, first_changes: &[Option<u32>], read: u32) -> impl Iterator<Item = bool> {
        self.kinds.iter().map(move |&kind| first_changes[kind].is_some_and(|pos| pos <= read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_of_a_kind_are_asked_about_once_and_answered_each() {
        let clean = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1]];
        let corrupted = [[0, 2, 3], [4, 5, 0], [0, 8, 9], [1, 1, 0]];
        let pairs = clean.iter().zip(&corrupted).map(|(clean, corrupted)| PromptPair::new(clean, corrupted, &[], &[2]));
        let prompts = Alike::of(pairs);
        assert_eq!((prompts.len(), prompts.pairs.len()), (4, 2));
        let reached = |read| prompts.reached(&[Some(0), Some(2)], read).collect::<Vec<_>>();
        assert_eq!(reached(1), [true, false, true, false]);
        assert_eq!(reached(2), [true; 4]);
        assert_eq!(prompts.reached(&[None, Some(1)], 2).collect::<Vec<_>>(), [false, true, false, true]);
    }
}
