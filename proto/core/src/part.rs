//! A group of prompts as a sweep of its own, in which positions are numbers.

use std::borrow::Cow;
use std::ops::Range;

use crate::context::{Iteration, Noise, SweepContext};
use crate::groups::{Group, Groups};
use crate::metric::Metric;

/// Some prompts of a sweep, in which a position is the same number.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The first of them.
    pub first: u32,
    /// Over these prompts only, counted from 0.
    pub context: Cow<'a, SweepContext>,
}

impl Part<'_> {
    /// Those of a range of the sweep's prompts that are in the part, as it counts them; empty where none is.
    #[must_use]
    pub fn own(&self, prompts: &Range<u32>) -> Range<u32> {
        let own = |prompt: u32| prompt.saturating_sub(self.first).min(self.context.clean.prompts());
        own(prompts.start)..own(prompts.end)
    }
}

impl SweepContext {
    /// How many positions prompts have: where they differ in that, how many spots there are.
    #[must_use]
    pub fn positions(&self) -> u32 {
        if self.groups.is_empty() { self.clean.positions() } else { crate::length(self.groups.spots.len()) }
    }

    /// One part for each group; the sweep itself where it has none.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let whole = self.groups.is_empty().then_some(Part { first: 0, context: Cow::Borrowed(self) });
        let parts = self.groups.ranges().map(|(prompts, group)| self.of_group(prompts, group));
        whole.into_iter().chain(parts)
    }

    /// The part that a prompt is in.
    ///
    /// # Panics
    /// When there is no such prompt.
    #[must_use]
    pub fn part(&self, prompt: u32) -> Part<'_> {
        self.parts_of(&(prompt..prompt + 1)).pop().expect("every prompt is in a group")
    }

    /// The parts that some prompts are in, one behind the other.
    #[must_use]
    pub fn parts_of(&self, prompts: &Range<u32>) -> Vec<Part<'_>> {
        if self.groups.is_empty() {
            return vec![Part { first: 0, context: Cow::Borrowed(self) }];
        }
        let ranges = self.groups.ranges();
        let overlapping = ranges.filter(|(own, _)| own.start < prompts.end && prompts.start < own.end);
        overlapping.map(|(own, group)| self.of_group(own, group)).collect()
    }

    fn of_group(&self, prompts: Range<u32>, group: &Group) -> Part<'_> {
        let numbers = prompts.clone().map(|prompt| self.groups.number(prompt)).collect();
        let metric = |metric: &Metric| Metric { kind: metric.kind.of_prompts(&prompts), ..metric.clone() };
        let context = Self {
            model: self.model.clone(),
            architecture: self.architecture.clone(),
            dtype: self.dtype,
            tf32: self.tf32,
            direction: self.direction,
            clean: self.clean.slice(prompts.clone()),
            iterations: self.iterations.iter().map(|iteration| iteration.of_group(&prompts, group)).collect(),
            metrics: self.metrics.iter().map(metric).collect(),
            grids: self.grids.iter().map(|grid| grid.of_group(group)).collect(),
            per_prompt: self.per_prompt,
            replicates: self.replicates,
            groups: Groups { numbers, ..Groups::default() },
        };
        Part { first: prompts.start, context: Cow::Owned(context) }
    }
}

impl Iteration {
    /// Of prompts of a group, with its positions; those that are read ascend, and answers go along.
    fn of_group(&self, prompts: &Range<u32>, group: &Group) -> Self {
        let mut reads: Vec<(u32, usize)> =
            self.reads.iter().map(|&spot| group.spots[spot as usize][0]).zip(0..).collect();
        reads.sort_unstable();
        let of_reads = |ids: &[u32]| -> Vec<u32> {
            let rows = ids.chunks(self.reads.len().max(1)).skip(prompts.start as usize).take(prompts.len());
            rows.flat_map(|row| reads.iter().map(|&(_, place)| row[place])).collect()
        };
        let noise = |noise: &Noise| Noise {
            positions: group.positions(&noise.positions),
            scale: noise.scale,
            seed: noise.seed,
        };
        Self {
            corrupted: self.corrupted.slice(prompts.clone()),
            noise: self.noise.as_ref().map(noise),
            answers: of_reads(&self.answers),
            wrong_answers: of_reads(&self.wrong_answers),
            reads: reads.into_iter().map(|(pos, _)| pos).collect(),
        }
    }
}
