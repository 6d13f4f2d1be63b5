//! How the prompts of each part are cut into ranges.

use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::PatchValue;
use patchsweep_core::part::Part;
use patchsweep_core::status::PlanOptions;

use super::alike::{ends, first_alike, first_alike_up_to};
use super::messages::most_prompts;
use super::sections::Stretch;
use super::size::default_prompts;

/// A part of the sweep's prompts, and how it is cut.
pub(super) struct Share<'a> {
    pub(super) part: Part<'a>,
    pub(super) most_prompts: u32,
    /// For each iteration the first one whose corrupted run is the same.
    pub(super) alike: Vec<u32>,
    /// The same as far as any part is read, which is how far means go.
    pub(super) alike_in_means: Vec<u32>,
}

impl<'a> Share<'a> {
    pub(super) fn of(part: Part<'a>, options: PlanOptions) -> Self {
        let context = part.context.as_ref();
        let most = options.tile_prompts.unwrap_or_else(|| default_prompts(context)).min(most_prompts(context));
        let alike = first_alike(context);
        Self { most_prompts: most, alike_in_means: alike.clone(), alike, part }
    }

    pub(super) fn ranges(&self) -> usize {
        self.part.context.clean.prompts().div_ceil(self.most_prompts.max(1)) as usize
    }

    /// Its prompts, as many at a time as a tile may have.
    pub(super) fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        let chunks = chunks(self.part.context.clean.prompts(), self.most_prompts);
        chunks.into_iter().map(|prompts| Stretch { share: self, prompts })
    }
}

/// Of parts that are read up to different positions, sees which of their corrupted runs are the same in a mean over all prompts.
pub(super) fn see_means(context: &SweepContext, shares: &mut [Share<'_>]) {
    if !context.grids.iter().any(|grid| grid.writes_value(PatchValue::Mean)) {
        return;
    }
    let further = |a: Vec<u32>, b: Vec<u32>| a.into_iter().zip(b).map(|(a, b)| a.max(b)).collect();
    let ends = shares.iter().map(|share| ends(&share.part.context)).reduce(further).unwrap_or_default();
    for share in shares {
        share.alike_in_means = first_alike_up_to(&share.part.context, &ends);
    }
}

/// As few ranges as possible, of about one length.
pub(super) fn chunks(total: u32, most: u32) -> Vec<Range<u32>> {
    let count = u64::from(total.div_ceil(most.max(1)));
    let start = |chunk: u64| u32::try_from(u64::from(total) * chunk / count).unwrap_or(total);
    (0..count).map(|chunk| start(chunk)..start(chunk + 1)).collect()
}
