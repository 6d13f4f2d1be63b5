//! Cuts a sweep into tiles of about equal cost.

mod alike;
mod estimates;
mod verified;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::{Axis, Grid, PatchValue};
use patchsweep_core::ids::TileId;
use patchsweep_core::length;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::{Tile, TileWork};

use self::alike::first_alike;
pub(super) use self::verified::verify;
use super::region::{Region, Sent, Strip, Work};
use super::{CostModel, PlanError};

/// Fine enough to balance any team of workers.
pub(super) const TILES_WANTED: u64 = 64;

/// Coarse enough that its messages are little beside it.
pub(super) const SMALLEST_TILE: u64 = 5_000_000_000;

/// Rows of a tile's batch from which on matrix products run at full speed.
const ROWS_WANTED: u64 = 2048;

pub(super) const LARGEST_TILE: u64 = 1_000_000_000_000;

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
    let cost = CostModel::of(context);
    let most_prompts = options.tile_prompts.unwrap_or_else(|| default_prompts(context)).min(most_prompts(context));
    let ranges = context.clean.prompts().div_ceil(most_prompts.max(1)) as usize;
    let count = ranges.saturating_mul(context.iterations.len());
    if count > MOST_TILES || count.saturating_mul(context.grids.len()) > MOST_REGIONS {
        return Err(PlanError::TooManyTiles { most: MOST_TILES });
    }
    let alike = first_alike(context);
    let target = options.tile_multiply_adds.map(|target| (target.max(1), 0));
    let (target, rows_wanted) =
        target.unwrap_or_else(|| (default_target(context, cost, sections(context, most_prompts, &alike)), ROWS_WANTED));
    let mut cutter = Cutter {
        context,
        target,
        rows_wanted,
        most_cells: most_cells(context, most_prompts),
        tiles: Vec::new(),
        costs: Vec::new(),
        means_of: BTreeSet::new(),
    };
    for section in sections(context, most_prompts, &alike) {
        let work = section.work(context, cost);
        let baseline = work.baseline_cost(context, section.iteration == 0, section.iteration == section.alike);
        cutter.push(&section, TileWork::Baseline, baseline)?;
        cutter.estimates(context, &section, &work, cost)?;
        for (grid, region) in regions(context, &work) {
            cutter.patches(&section, grid, &region, &work, besides(context, grid, &work))?;
        }
    }
    Ok((cutter.tiles, cutter.costs))
}

/// Multiply-adds of a grid's tiles besides their cells.
#[derive(Clone, Copy)]
struct Besides {
    /// Of each.
    each: u64,
    /// Once for all grids that need the same: the means over the corrupted runs of all prompts; none where it writes no mean.
    means: u64,
    /// Whether these are of features: those of the first grid with the same ones.
    features_of: Option<u32>,
}

fn besides(context: &SweepContext, grid: u32, work: &Work<'_>) -> Besides {
    let own = &context.grids[grid as usize];
    let each = work.tile_cost(own);
    if !own.writes_value(PatchValue::Mean) {
        return Besides { each, means: 0, features_of: None };
    }
    if own.dictionary().is_none() {
        return Besides { each, means: work.means_cost(context), features_of: None };
    }
    let is_alike = |(_, other): &(u32, &Grid)| {
        let features = [own, other].map(|grid| grid.indices(Axis::Feature));
        other.value == PatchValue::Mean && other.dictionary() == own.dictionary() && features[0] == features[1]
    };
    let features_of = (0..).zip(&context.grids).find(is_alike).map(|(first, _)| first);
    Besides { each, means: work.feature_means_cost(context, own), features_of }
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

fn default_target(context: &SweepContext, cost: CostModel<'_>, sections: impl Iterator<Item = Section>) -> u64 {
    // Regions are made twice rather than kept: a sweep may have very many.
    let of_section = |section: Section| {
        let work = section.work(context, cost);
        regions(context, &work).map(|(_, region)| region.cost()).collect::<Vec<_>>()
    };
    let everything = sections.flat_map(of_section).fold(0, u64::saturating_add);
    (everything / TILES_WANTED).clamp(SMALLEST_TILE, LARGEST_TILE)
}

/// One for each grid whose effects are computed, with its index.
fn regions<'a>(context: &'a SweepContext, work: &'a Work<'a>) -> impl Iterator<Item = (u32, Region)> + use<'a> {
    let computed = (0..).zip(&context.grids).filter(|(_, grid)| grid.estimate.is_none());
    computed.map(move |(index, grid)| (index, Region::new(context, grid, work)))
}

/// One iteration over one range of prompts.
struct Section {
    iteration: u32,
    prompts: Range<u32>,
    /// The first iteration whose corrupted run is the same: it is made once.
    alike: u32,
}

/// Those of all iterations; `alike`: for each the first one whose corrupted run is the same.
fn sections(context: &SweepContext, most_prompts: u32, alike: &[u32]) -> impl Iterator<Item = Section> {
    let chunks = chunks(context.clean.prompts(), most_prompts);
    (0..).zip(alike).flat_map(move |(iteration, &alike)| {
        chunks.clone().into_iter().map(move |prompts| Section { iteration, prompts, alike })
    })
}

impl Section {
    fn work<'a>(&self, context: &'a SweepContext, cost: CostModel<'a>) -> Work<'a> {
        Work::new(context, cost, self.iteration, &self.prompts)
    }
}

struct Cutter<'a> {
    context: &'a SweepContext,
    /// Multiply-adds that a tile aims at.
    target: u64,
    /// Rows that it should have at least.
    rows_wanted: u64,
    most_cells: u32,
    tiles: Vec<Tile>,
    costs: Vec<u64>,
    /// Iterations of whose corrupted runs the means over all prompts are made, and of which features.
    means_of: BTreeSet<(u32, Option<u32>)>,
}

/// Cells that become a tile.
#[derive(Default)]
struct Bundle {
    cells: Vec<Range<u32>>,
    count: u32,
    cost: u64,
    rows: u64,
    /// The read positions that they reach.
    reads: BTreeSet<u32>,
    /// Of paths the senders, by the first of their cells.
    senders: BTreeMap<u32, Sent>,
}

impl Cutter<'_> {
    /// Cuts where a tile has its share of what is left, so that the last one is no remnant.
    fn patches(
        &mut self,
        section: &Section,
        grid: u32,
        region: &Region,
        work: &Work<'_>,
        besides: Besides,
    ) -> Result<(), PlanError> {
        let mut left = region.cost();
        let mut bundle = Bundle::default();
        for mut strip in region.strips() {
            while !strip.cells.is_empty() {
                let share = left.div_ceil(left.div_ceil(self.target).max(1));
                let by_cost = share.saturating_sub(bundle.cost).div_ceil(strip.each.max(1));
                let by_rows = self.rows_wanted.saturating_sub(bundle.rows).div_ceil(strip.rows.max(1));
                let room = u64::from(self.most_cells - bundle.count).min(by_cost.max(by_rows).max(1));
                let count = u32::try_from(room).unwrap_or(u32::MAX).min(strip.cells.end - strip.cells.start);
                bundle.add(&mut strip, count);
                let is_full = bundle.cost >= share && bundle.rows >= self.rows_wanted;
                if is_full || bundle.count == self.most_cells {
                    left = left.saturating_sub(bundle.cost);
                    self.push_bundle(section, grid, std::mem::take(&mut bundle), work, besides)?;
                }
            }
        }
        if bundle.count > 0 {
            self.push_bundle(section, grid, bundle, work, besides)?;
        }
        Ok(())
    }

    fn push_bundle(
        &mut self,
        section: &Section,
        grid: u32,
        bundle: Bundle,
        work: &Work<'_>,
        besides: Besides,
    ) -> Result<(), PlanError> {
        // Whichever tile is computed first makes them.
        let Besides { each, means, features_of } = besides;
        let is_first = means > 0 && self.means_of.insert((section.alike, features_of));
        let besides =
            each.saturating_add(work.compared(bundle.reads.len())).saturating_add(if is_first { means } else { 0 });
        let sent = work.sent(&self.context.grids[grid as usize], &bundle.senders);
        let cost = bundle.cost.saturating_add(besides).saturating_add(sent);
        self.push(section, TileWork::Patch { grid, cells: bundle.cells, plain: false }, cost)
    }

    fn push(&mut self, section: &Section, work: TileWork, cost: u64) -> Result<(), PlanError> {
        if self.tiles.len() == MOST_TILES {
            return Err(PlanError::TooManyTiles { most: MOST_TILES });
        }
        let id = TileId(length(self.tiles.len()));
        self.tiles.push(Tile { id, iteration: section.iteration, prompts: section.prompts.clone(), work });
        self.costs.push(cost);
        Ok(())
    }
}

impl Bundle {
    /// Takes the first cells of a strip.
    fn add(&mut self, strip: &mut Strip, count: u32) {
        let cells = strip.cells.start..strip.cells.start + count;
        strip.cells.start = cells.end;
        self.count += count;
        self.reads.extend(&strip.reads);
        if let Some(sender) = &strip.sender {
            self.senders.entry(sender.cell).or_default().extend(sender);
        }
        self.cost = self.cost.saturating_add(strip.each.saturating_mul(count.into()));
        self.rows = self.rows.saturating_add(strip.rows.saturating_mul(count.into()));
        match self.cells.last_mut() {
            Some(last) if last.end == cells.start => last.end = cells.end,
            _ => self.cells.push(cells),
        }
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
