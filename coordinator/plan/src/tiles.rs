//! Cuts a sweep into tiles of about equal cost.

mod activity;
mod alike;
mod chosen;
mod estimates;
mod sections;
mod strips;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::{Axis, Grid, PatchValue};
use patchsweep_core::ids::TileId;
use patchsweep_core::length;
use patchsweep_core::part::Part;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::{Tile, TileWork};

use self::alike::{ends, first_alike, first_alike_up_to};
pub(super) use self::chosen::{chosen_cells, live_cells};
use self::sections::{Section, Stretch, Width, ranges, sections};
use self::strips::{Joined, joined};
use super::region::{Region, Sent, Work};
use super::{CostModel, PlanError};

/// Fine enough to balance any team of workers.
const TILES_WANTED: u64 = 64;

/// How large a tile is that its machine computes well.
#[derive(Clone, Copy)]
pub(super) struct TileSize {
    /// Multiply-adds: coarse enough that its messages are little beside it.
    smallest: u64,
    /// Multiply-adds: seconds at most.
    largest: u64,
    /// Rows of a tile's batch from which on matrix products run at full speed.
    rows: u64,
}

impl TileSize {
    pub(super) const ON_CPU: Self = Self { smallest: 5_000_000_000, largest: 1_000_000_000_000, rows: 2048 };
    /// At 3e13 to 4e14 multiply-adds a second, and some 10 milliseconds in which the CPU starts a batch's operators.
    const ON_GPU: Self = Self { smallest: 1_000_000_000_000, largest: 20_000_000_000_000, rows: 16_384 };

    /// Multiply-adds of a tile of a sweep of so many.
    pub(super) fn target(self, everything: u64) -> u64 {
        (everything / TILES_WANTED).clamp(self.smallest, self.largest)
    }
}

const MOST_PROMPTS_PER_TILE: u32 = 256;

/// Whole runs of a tile's prompts, whose activations a worker holds at once.
const TOKENS_PER_TILE: u32 = 8192;

/// Most bytes of a tile's messages: its grant, and the result with its scores.
const MOST_MESSAGE_BYTES: usize = 1 << 20;

/// Of those, what lease (with the sweep's id, made of its name), digests, counters, lengths, the names of loaded models and
/// notes on the weights may take.
const BYTES_BESIDE_CELLS: usize = 24 << 10;

/// Of a cell under each metric: four float64, mean and second moment of value and effect.
const BYTES_PER_SCORE: usize = 4 * size_of::<f64>();

/// Of a cell under each metric and on each prompt, where that is kept: a float32.
const BYTES_PER_EFFECT: usize = size_of::<f32>();

/// Of a cell: its number of prompts, a u32 as a varint. In the grant it is at worst a range of its own, of 12 bytes.
const BYTES_PER_COUNT: usize = 5;

const MOST_TILES: usize = 1_000_000;

/// Grids of all iterations and ranges of prompts, most of which give at least one tile; refused before they are counted.
const MOST_REGIONS: usize = 4 * MOST_TILES;

/// All tiles in merging order, and the multiply-adds of each where runs are made once and a tile's cells fit one batch: for
/// each iteration and range of prompts the baselines, then the live cells of grid after grid in row-major order.
pub fn cut(context: &SweepContext, options: PlanOptions) -> Result<(Vec<Tile>, Vec<u64>), PlanError> {
    let mut shares: Vec<Share<'_>> = context.parts().map(|part| Share::of(part, options)).collect();
    if let [_, _, ..] = shares.as_slice() {
        see_means(context, &mut shares);
    }
    let count: usize = shares.iter().map(Share::ranges).fold(0, usize::saturating_add);
    let count = count.saturating_mul(context.iterations.len());
    if count.saturating_mul(context.grids.len()) > MOST_REGIONS {
        return Err(PlanError::TooManyTiles { most: MOST_TILES });
    }
    let size = if options.for_gpus { TileSize::ON_GPU } else { TileSize::ON_CPU };
    let target = options.tile_multiply_adds.map(|target| (target.max(1), 0));
    let (target, rows_wanted) = target.unwrap_or_else(|| (size.target(multiply_adds(context, &shares)), size.rows));
    let mut cutter =
        Cutter { target, rows_wanted, most_cells: 0, tiles: Vec::new(), costs: Vec::new(), means_of: BTreeSet::new() };
    let ranges = ranges(context, &shares, Width::of(context, options), target, rows_wanted);
    if ranges.len().saturating_mul(context.iterations.len()) > MOST_TILES {
        return Err(PlanError::TooManyTiles { most: MOST_TILES });
    }
    for section in sections(context, &ranges) {
        let works = section.works();
        cutter.most_cells = most_cells(context, section.most_prompts());
        cutter.push(&section, TileWork::Baseline, section.baseline_cost(&works))?;
        if let [work] = works.as_slice() {
            cutter.estimates(&section, work)?;
            cutter.activity(&section, work)?;
        }
        for grid in computed(context) {
            let regions = section.regions(grid, &works);
            cutter.patches(&section, grid, &regions, &works, &besides(&shares, &section, grid, &works))?;
        }
    }
    Ok((cutter.tiles, cutter.costs))
}

/// A part of the sweep's prompts, and how it is cut.
struct Share<'a> {
    part: Part<'a>,
    most_prompts: u32,
    /// For each iteration the first one whose corrupted run is the same.
    alike: Vec<u32>,
    /// The same as far as any part is read, which is how far means go.
    alike_in_means: Vec<u32>,
}

impl<'a> Share<'a> {
    fn of(part: Part<'a>, options: PlanOptions) -> Self {
        let context = part.context.as_ref();
        let most = options.tile_prompts.unwrap_or_else(|| default_prompts(context)).min(most_prompts(context));
        let alike = first_alike(context);
        Self { most_prompts: most, alike_in_means: alike.clone(), alike, part }
    }

    fn ranges(&self) -> usize {
        self.part.context.clean.prompts().div_ceil(self.most_prompts.max(1)) as usize
    }

    /// Its prompts, as many at a time as a tile may have.
    fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        let chunks = chunks(self.part.context.clean.prompts(), self.most_prompts);
        chunks.into_iter().map(|prompts| Stretch { share: self, prompts })
    }
}

/// Of parts that are read up to different positions, sees which of their corrupted runs are the same in a mean over all prompts.
fn see_means(context: &SweepContext, shares: &mut [Share<'_>]) {
    if !context.grids.iter().any(|grid| grid.writes_value(PatchValue::Mean)) {
        return;
    }
    let further = |a: Vec<u32>, b: Vec<u32>| a.into_iter().zip(b).map(|(a, b)| a.max(b)).collect();
    let ends = shares.iter().map(|share| ends(&share.part.context)).reduce(further).unwrap_or_default();
    for share in shares {
        share.alike_in_means = first_alike_up_to(&share.part.context, &ends);
    }
}

/// Multiply-adds of a grid's tiles besides their cells.
struct Besides {
    /// Of each.
    each: u64,
    means: Means,
}

/// Means over the corrupted runs of all prompts, which a worker makes once.
#[derive(Default)]
struct Means {
    /// Multiply-adds; none where a grid writes no mean.
    cost: u64,
    /// What two iterations and grids with the same means have in common: of each part the first iteration with its corrupted run,
    /// and of features the first grid with the same ones.
    of: (Vec<u32>, Option<u32>),
}

fn besides(shares: &[Share<'_>], section: &Section<'_>, grid: u32, works: &[Work<'_>]) -> Besides {
    let each = works.iter().map(Work::tile_cost).fold(0, u64::saturating_add);
    let context = section.stretches[0].context();
    let own = &context.grids[grid as usize];
    if !own.writes_value(PatchValue::Mean) {
        return Besides { each, means: Means::default() };
    }
    let mut means = means(shares, section.iteration);
    if let Some(dictionary) = own.dictionary() {
        // Dictionaries are of sweeps without groups, whose one part has all prompts.
        let is_alike = |(_, other): &(u32, &Grid)| {
            let features = [own, other].map(|grid| grid.indices(Axis::Feature));
            other.value == PatchValue::Mean && other.dictionary() == own.dictionary() && features[0] == features[1]
        };
        means.of.1 = (0..).zip(&context.grids).find(is_alike).map(|(first, _)| first);
        means.cost = means.cost.saturating_add(works[0].mean_cost(own, dictionary, context.clean.prompts()));
    }
    Besides { each, means }
}

fn means(shares: &[Share<'_>], iteration: u32) -> Means {
    let last_read = |share: &Share<'_>| share.part.context.iterations[iteration as usize].last_read().unwrap_or(0);
    let end = shares.iter().map(last_read).max().unwrap_or(0) + 1;
    let of_share = |share: &Share<'_>| {
        let context = share.part.context.as_ref();
        CostModel::of(context).run(0, end).saturating_mul(context.clean.prompts().into())
    };
    let alike = shares.iter().map(|share| share.alike_in_means[iteration as usize]).collect();
    Means { cost: shares.iter().map(of_share).fold(0, u64::saturating_add), of: (alike, None) }
}

/// Most cells of a tile of some prompts, so that none of its messages is larger than [`MOST_MESSAGE_BYTES`].
pub(super) fn most_cells(context: &SweepContext, prompts: u32) -> u32 {
    let metrics = context.metrics.len().max(1);
    let kept = if context.per_prompt { prompts.min(context.clean.prompts()) as usize } else { 0 };
    let bytes = metrics * (BYTES_PER_SCORE + BYTES_PER_EFFECT * kept) + BYTES_PER_COUNT;
    length((MOST_MESSAGE_BYTES - BYTES_BESIDE_CELLS) / bytes).max(1)
}

/// Most prompts of a tile whose effects are kept, so that one cell fits a message.
fn most_prompts(context: &SweepContext) -> u32 {
    if !context.per_prompt {
        return u32::MAX;
    }
    let metrics = context.metrics.len().max(1);
    let room = (MOST_MESSAGE_BYTES - BYTES_BESIDE_CELLS).saturating_sub(BYTES_PER_SCORE * metrics + BYTES_PER_COUNT);
    length(room / (BYTES_PER_EFFECT * metrics)).max(1)
}

fn default_prompts(context: &SweepContext) -> u32 {
    (TOKENS_PER_TILE / (context.last_read() + 1)).clamp(1, MOST_PROMPTS_PER_TILE)
}

fn multiply_adds(context: &SweepContext, shares: &[Share<'_>]) -> u64 {
    // Regions are made twice rather than kept: a sweep may have very many.
    let stretches: Vec<Vec<Stretch<'_>>> =
        shares.iter().flat_map(Share::stretches).map(|stretch| vec![stretch]).collect();
    let of_section = |section: Section<'_>| {
        let works = section.works();
        let regions = computed(context).flat_map(|grid| section.regions(grid, &works));
        regions.map(|region| region.cost()).fold(0, u64::saturating_add)
    };
    sections(context, &stretches).map(of_section).fold(0, u64::saturating_add)
}

/// The grids all of whose effects are computed.
fn computed(context: &SweepContext) -> impl Iterator<Item = u32> {
    let is_computed = |(_, grid): &(u32, &Grid)| grid.estimate.is_none() && !grid.chooses_features();
    (0..).zip(&context.grids).filter(is_computed).map(|(index, _)| index)
}

struct Cutter {
    /// Multiply-adds that a tile aims at.
    target: u64,
    /// Rows that it should have at least.
    rows_wanted: u64,
    most_cells: u32,
    tiles: Vec<Tile>,
    costs: Vec<u64>,
    /// Iterations of whose corrupted runs the means over all prompts are made, by what they have in common.
    means_of: BTreeSet<(Vec<u32>, Option<u32>)>,
}

/// Cells that become a tile.
#[derive(Default)]
struct Bundle {
    cells: Vec<Range<u32>>,
    /// Those that can change the score of one of the prompts.
    live: Vec<Range<u32>>,
    count: u32,
    cost: u64,
    rows: u64,
    /// The read positions that they reach in each of the section's stretches.
    reads: BTreeSet<(usize, u32)>,
    /// Of paths the senders, by the stretch and the first of their cells.
    senders: BTreeMap<(usize, u32), Sent>,
}

impl Cutter {
    /// Cuts where a tile has its share of what is left, so that the last one is no remnant.
    fn patches(
        &mut self,
        section: &Section<'_>,
        grid: u32,
        regions: &[Region],
        works: &[Work<'_>],
        besides: &Besides,
    ) -> Result<(), PlanError> {
        let mut left = regions.iter().map(Region::cost).fold(0, u64::saturating_add);
        let mut bundle = Bundle::default();
        for mut strip in joined(regions.iter().map(Region::strips)) {
            while !strip.cells.is_empty() {
                let share = left.div_ceil(left.div_ceil(self.target).max(1));
                let by_cost = share.saturating_sub(bundle.cost).div_ceil(strip.each().max(1));
                let by_rows = self.rows_wanted.saturating_sub(bundle.rows).div_ceil(strip.rows().max(1));
                let room = u64::from(self.most_cells - bundle.count).min(by_cost.max(by_rows).max(1));
                let count = u32::try_from(room).unwrap_or(u32::MAX).min(strip.cells.end - strip.cells.start);
                bundle.add(&mut strip, count);
                let is_full = bundle.cost >= share && bundle.rows >= self.rows_wanted;
                if is_full || bundle.count == self.most_cells {
                    left = left.saturating_sub(bundle.cost);
                    self.push_bundle(section, grid, std::mem::take(&mut bundle), works, besides)?;
                }
            }
        }
        if bundle.count > 0 {
            self.push_bundle(section, grid, bundle, works, besides)?;
        }
        Ok(())
    }

    fn push_bundle(
        &mut self,
        section: &Section<'_>,
        grid: u32,
        bundle: Bundle,
        works: &[Work<'_>],
        besides: &Besides,
    ) -> Result<(), PlanError> {
        // Whichever tile is computed first makes them.
        let Besides { each, means } = besides;
        let is_first = means.cost > 0 && !bundle.live.is_empty() && self.means_of.insert(means.of.clone());
        let means = if is_first { means.cost } else { 0 };
        let of_stretch = |(index, (stretch, work)): (usize, (&Stretch<'_>, &Work<'_>))| {
            let reads = bundle.reads.range((index, 0)..(index + 1, 0)).count();
            let senders = bundle.senders.range((index, 0)..(index + 1, 0)).map(|(&(_, cell), sent)| (cell, sent));
            let grid = &stretch.context().grids[grid as usize];
            // The features of the run that is patched and, where those of the other one are written, of that.
            let runs = if grid.value == PatchValue::Other { 2 } else { 1 };
            let encoding = work.encoding_cost(grid, &bundle.live, runs);
            work.compared(reads).saturating_add(work.sent(grid, senders)).saturating_add(encoding)
        };
        let of_stretches = section.stretches.iter().zip(works).enumerate().map(of_stretch);
        let cost = of_stretches.chain([bundle.cost, *each, means]).fold(0, u64::saturating_add);
        self.push(section, TileWork::Patch { grid, cells: bundle.cells, plain: false }, cost)
    }

    fn push(&mut self, section: &Section<'_>, work: TileWork, cost: u64) -> Result<(), PlanError> {
        if self.tiles.len() == MOST_TILES {
            return Err(PlanError::TooManyTiles { most: MOST_TILES });
        }
        let id = TileId(length(self.tiles.len()));
        self.tiles.push(Tile { id, iteration: section.iteration, prompts: section.prompts(), work });
        self.costs.push(cost);
        Ok(())
    }
}

impl Bundle {
    /// Takes the first cells of a strip.
    fn add(&mut self, strip: &mut Joined, count: u32) {
        let cells = strip.cells.start..strip.cells.start + count;
        strip.cells.start = cells.end;
        self.count += count;
        for (stretch, own) in &strip.own {
            self.reads.extend(own.reads.iter().map(|&read| (*stretch, read)));
            if let Some(sender) = &own.sender {
                self.senders.entry((*stretch, sender.cell)).or_default().extend(sender);
            }
        }
        self.cost = self.cost.saturating_add(strip.each().saturating_mul(count.into()));
        self.rows = self.rows.saturating_add(strip.rows().saturating_mul(count.into()));
        if strip.rows() > 0 {
            append(&mut self.live, cells.clone());
        }
        append(&mut self.cells, cells);
    }
}

/// Puts cells behind others.
fn append(all: &mut Vec<Range<u32>>, cells: Range<u32>) {
    match all.last_mut() {
        Some(last) if last.end == cells.start => last.end = cells.end,
        _ => all.push(cells),
    }
}

/// As few ranges as possible, of about one length.
fn chunks(total: u32, most: u32) -> Vec<Range<u32>> {
    let count = u64::from(total.div_ceil(most.max(1)));
    let start = |chunk: u64| u32::try_from(u64::from(total) * chunk / count).unwrap_or(total);
    (0..count).map(|chunk| start(chunk)..start(chunk + 1)).collect()
}

#[cfg(test)]
mod tests;
