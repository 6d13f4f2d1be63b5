//! The parts of a sweep that a tile's prompts are in.

use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::part::Part;

use crate::torch::tiles::chunk::Scores;

/// At least one, one behind the other.
pub(crate) struct TileParts<'a>(Vec<Part<'a>>);

impl<'a> TileParts<'a> {
    pub(crate) fn of(context: &'a SweepContext, prompts: &Range<u32>) -> Self {
        Self(context.parts_of(prompts))
    }

    /// Those that some of the tile's prompts are in, and these as each part counts them.
    pub(crate) fn of_prompts(&self, prompts: &Range<u32>) -> impl Iterator<Item = (&SweepContext, Range<u32>)> {
        let own = |part| (part, Part::own(part, prompts));
        self.0.iter().map(own).filter(|(_, own)| !own.is_empty()).map(|(part, own)| (part.context.as_ref(), own))
    }

    /// One whose prompts have the most tokens that matter.
    pub(crate) fn longest(&self) -> &SweepContext {
        self.with_most(SweepContext::last_read)
    }

    /// One whose prompts have the most tokens, whether they are read or not.
    pub(crate) fn longest_whole(&self) -> &SweepContext {
        self.with_most(|context| context.clean.positions())
    }

    fn with_most(&self, tokens: impl Fn(&SweepContext) -> u32) -> &SweepContext {
        let contexts = self.0.iter().map(|part| part.context.as_ref());
        contexts.max_by_key(|context| tokens(context)).expect("a tile has prompts")
    }
}

/// Runs over the prompts of all parts, one part behind the other; `parts`: the same runs of each, at least one.
pub(crate) fn side_by_side(parts: impl IntoIterator<Item = Vec<Scores>>) -> Vec<Scores> {
    let behind = |mut runs: Vec<Scores>, more: Vec<Scores>| {
        for (scores, more) in runs.iter_mut().flatten().zip(more.into_iter().flatten()) {
            scores.extend(more);
        }
        runs
    };
    parts.into_iter().reduce(behind).expect("prompts of a part")
}

#[cfg(test)]
mod tests {
    use super::side_by_side;

    #[test]
    fn prompts_of_one_part_stand_behind_those_of_the_one_before() {
        // Two runs under one metric: two prompts, then one.
        let parts = [vec![vec![vec![1.0, 2.0]], vec![vec![3.0, 4.0]]], vec![vec![vec![5.0]], vec![vec![6.0]]]];
        assert_eq!(side_by_side(parts), [[[1.0, 2.0, 5.0]], [[3.0, 4.0, 6.0]]]);
    }
}
