//! Ranges of prompts. One has prompts of several parts, one behind the other, where those of one are too few for a tile.

use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::length;
use patchsweep_core::status::PlanOptions;

use super::computed;
use super::messages::most_prompts;
use super::share::Share;
use super::size::{Aim, MOST_PROMPTS_PER_TILE, TOKENS_PER_TILE};
use crate::CostModel;
use crate::region::{Region, Work};

/// Prompts of one part.
#[derive(Clone)]
pub(super) struct Stretch<'a> {
    pub(super) share: &'a Share<'a>,
    /// As the part counts them.
    pub(super) prompts: Range<u32>,
}

/// One iteration over one range of prompts.
pub(super) struct Section<'a> {
    pub(super) iteration: u32,
    /// The range, part by part; at least one.
    pub(super) stretches: Vec<Stretch<'a>>,
    /// Of each stretch.
    pub(super) works: Vec<Work<'a>>,
}

/// What a range of prompts of several parts may have at most.
#[derive(Clone, Copy)]
pub(super) struct Width {
    prompts: u32,
    /// Up to the last one that is read.
    tokens: u64,
}

/// How many times a tile's tokens its prompts may have if all were as long as the longest: a worker cuts a tile into chunks of prompts
/// that fit its memory at that length.
const MOST_UNEVEN: u64 = 3;

impl Width {
    pub(super) fn of(context: &SweepContext, options: PlanOptions) -> Self {
        let most = most_prompts(context);
        match options.tile_prompts {
            Some(prompts) => Self { prompts: prompts.min(most), tokens: u64::MAX },
            None => Self { prompts: MOST_PROMPTS_PER_TILE.min(most), tokens: TOKENS_PER_TILE.into() },
        }
    }

    fn fits<'a>(self, stretches: impl Iterator<Item = &'a Stretch<'a>> + Clone) -> bool {
        let prompts: u64 = stretches.clone().map(|stretch| stretch.prompts.len() as u64).sum();
        let longest = stretches.clone().map(Stretch::tokens_of_each).max().unwrap_or(0);
        prompts <= self.prompts.into()
            && stretches.map(Stretch::tokens).sum::<u64>() <= self.tokens
            && prompts.saturating_mul(longest) <= self.tokens.saturating_mul(MOST_UNEVEN)
    }
}

/// All prompts in ranges: prompts of further parts join until a grid has enough of them for a tile. More would gain nothing, for what depends on positions is computed part by part in each tile.
pub(super) fn ranges<'a>(
    context: &SweepContext,
    shares: &'a [Share<'a>],
    width: Width,
    aim: Aim,
) -> Vec<Vec<Stretch<'a>>> {
    let mut ranges: Vec<Vec<Stretch<'_>>> = Vec::new();
    // Of the last range the cost and rows of each iteration's grids.
    let mut sums: Vec<(u64, u64)> = Vec::new();
    let is_full = |sums: &[(u64, u64)]| sums.iter().any(|sum| sum.0 >= aim.multiply_adds && sum.1 >= aim.rows);
    for stretch in shares.iter().flat_map(Share::stretches) {
        // Of a sweep without groups all prompts are in one part, whose ranges are as they are.
        let own = if shares.len() > 1 { sizes(context, &stretch) } else { vec![(u64::MAX, u64::MAX)] };
        match ranges.last_mut() {
            Some(last) if !is_full(&sums) && width.fits(last.iter().chain([&stretch])) => {
                last.push(stretch);
                for (sum, own) in sums.iter_mut().zip(own) {
                    *sum = (sum.0.saturating_add(own.0), sum.1.saturating_add(own.1));
                }
            }
            _ => {
                ranges.push(vec![stretch]);
                sums = own;
            }
        }
    }
    ranges
}

/// Of each iteration's grids multiply-adds and rows of the live cells.
fn sizes(context: &SweepContext, stretch: &Stretch<'_>) -> Vec<(u64, u64)> {
    let of_iteration = |iteration: u32| {
        let work = stretch.work(iteration);
        let size = |grid: u32| {
            let region = stretch.region(grid, &work);
            (region.cost(), region.rows())
        };
        computed(context).map(size).collect::<Vec<_>>()
    };
    (0..length(context.iterations.len())).flat_map(of_iteration).collect()
}

/// Those of all iterations.
pub(super) fn sections<'a>(
    context: &SweepContext,
    ranges: &'a [Vec<Stretch<'a>>],
) -> impl Iterator<Item = Section<'a>> + use<'a> {
    (0..length(context.iterations.len()))
        .flat_map(move |iteration| ranges.iter().map(move |stretches| Section::new(iteration, stretches.clone())))
}

impl<'a> Stretch<'a> {
    pub(super) fn context(&self) -> &'a SweepContext {
        self.share.part.context.as_ref()
    }

    fn work(&self, iteration: u32) -> Work<'a> {
        Work::new(self.context(), CostModel::of(self.context()), iteration, &self.prompts)
    }

    fn region(&self, grid: u32, work: &Work<'_>) -> Region {
        Region::new(self.context(), &self.context().grids[grid as usize], work)
    }

    /// Up to the last one that is read.
    fn tokens(&self) -> u64 {
        self.tokens_of_each() * self.prompts.len() as u64
    }

    /// The same of one prompt.
    fn tokens_of_each(&self) -> u64 {
        u64::from(self.context().last_read()) + 1
    }
}

impl<'a> Section<'a> {
    pub(super) fn new(iteration: u32, stretches: Vec<Stretch<'a>>) -> Self {
        let works = stretches.iter().map(|stretch| stretch.work(iteration)).collect();
        Self { iteration, stretches, works }
    }

    /// As the sweep counts them.
    pub(super) fn prompts(&self) -> Range<u32> {
        let of_sweep = |stretch: &Stretch<'_>, prompt: u32| stretch.share.part.first + prompt;
        let (first, last) = (&self.stretches[0], &self.stretches[self.stretches.len() - 1]);
        of_sweep(first, first.prompts.start)..of_sweep(last, last.prompts.end)
    }

    /// Of this range, or of the longest one of its part.
    pub(super) fn most_prompts(&self) -> u32 {
        match self.stretches.as_slice() {
            [alone] => alone.share.most_prompts,
            several => several.iter().map(|stretch| length(stretch.prompts.len())).sum(),
        }
    }

    /// The live cells of a grid in each stretch.
    pub(super) fn regions(&self, grid: u32) -> impl Iterator<Item = Region> {
        self.stretches.iter().zip(&self.works).map(move |(stretch, work)| stretch.region(grid, work))
    }

    /// Multiply-adds of the clean and the corrupted runs and their scores.
    pub(super) fn baseline_cost(&self) -> u64 {
        let of_stretch = |(stretch, work): (&Stretch<'_>, &Work<'_>)| {
            // The first iteration whose corrupted run is the same: it is made once.
            let is_first = self.iteration == stretch.share.alike[self.iteration as usize];
            work.baseline_cost(stretch.context(), self.iteration == 0, is_first)
        };
        self.stretches.iter().zip(&self.works).map(of_stretch).fold(0, u64::saturating_add)
    }
}
