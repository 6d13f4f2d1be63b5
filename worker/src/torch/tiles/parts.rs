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

    /// What some prompts take together. `each`: what one prompt of a part takes.
    pub(crate) fn taken(&self, prompts: &Range<u32>, each: impl Fn(&SweepContext) -> u64) -> u64 {
        self.of_prompts(prompts).map(|(part, own)| each(part).saturating_mul(own.len() as u64)).sum()
    }

    /// How many prompts from one on take no more than this together; at least one.
    pub(crate) fn fitting(&self, first: u32, most: u64, each: impl Fn(&SweepContext) -> u64) -> u32 {
        let (mut fitting, mut left) = (0_u32, most);
        for (part, own) in self.of_prompts(&(first..u32::MAX)) {
            let (each, own) = (each(part).max(1), own.end - own.start);
            let some = u32::try_from(left / each).unwrap_or(u32::MAX).min(own);
            fitting += some;
            left -= u64::from(some) * each;
            if some < own {
                break;
            }
        }
        fitting.max(1)
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
        put_behind(&mut runs, more);
        runs
    };
    parts.into_iter().reduce(behind).expect("prompts of a part")
}

/// Puts the same runs over other prompts behind these.
pub(crate) fn put_behind(runs: &mut [Scores], more: Vec<Scores>) {
    for (scores, more) in runs.iter_mut().flatten().zip(more.into_iter().flatten()) {
        scores.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::context::Iteration;
    use patchsweep_core::groups::{Group, Groups};
    use patchsweep_core::tokens::TokenMatrix;
    use patchsweep_data::sweep;

    use super::*;
    use crate::torch::tiles::memory::positions;

    /// Four prompts of three tokens, then two of ten; the last token of each is read.
    fn uneven() -> SweepContext {
        let lengths = [3, 3, 3, 3, 10, 10];
        let tokens = TokenMatrix::from_lengths(&lengths, (0..lengths.iter().sum()).collect()).expect("rows");
        let group = |prompts, tokens| Group { prompts, tokens, spots: vec![vec![tokens - 1]] };
        let even = sweep::of_prompts(6);
        let iteration = Iteration { corrupted: tokens.clone(), reads: vec![0], ..even.iterations[0].clone() };
        let groups = Groups { groups: vec![group(4, 3), group(2, 10)], ..Groups::default() };
        SweepContext { clean: tokens, iterations: vec![iteration], grids: Vec::new(), groups, ..even }
    }

    #[test]
    fn prompts_take_what_their_own_parts_say() {
        let context = uneven();
        let parts = TileParts::of(&context, &(0..6));
        assert_eq!([0..6, 0..5, 2..4].map(|prompts| parts.taken(&prompts, positions)), [32, 22, 6]);
        let fitting = |first, most| parts.fitting(first, most, positions);
        assert_eq!(
            [(0, 12), (0, 21), (0, 22), (3, 13), (0, 11)].map(|(first, most)| fitting(first, most)),
            [4, 4, 5, 2, 3]
        );
        assert_eq!([fitting(4, 9), fitting(5, u64::MAX), fitting(0, 0)], [1; 3], "at least one, at most all");
    }

    #[test]
    fn prompts_of_one_part_stand_behind_those_of_the_one_before() {
        // Two runs under one metric: two prompts, then one.
        let parts = [vec![vec![vec![1.0, 2.0]], vec![vec![3.0, 4.0]]], vec![vec![vec![5.0]], vec![vec![6.0]]]];
        assert_eq!(side_by_side(parts), [[[1.0, 2.0, 5.0]], [[3.0, 4.0, 6.0]]]);
    }
}
