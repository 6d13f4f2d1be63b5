//! Cuts a sweep into tiles of about equal cost.

use std::ops::Range;

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::ids::TileId;
use patchsweep_proto::status::PlanOptions;
use patchsweep_proto::tile::{Tile, TileWork};

use super::region::{Region, Strip, Work, baseline_cost};
use super::{CostModel, PlanError};

/// Fine enough to balance any team of workers.
const TILES_WANTED: u64 = 64;

/// Coarse enough that reading all weights once per tile, and its messages, are little beside it.
const SMALLEST_TILE: u64 = 20_000_000_000;

const LARGEST_TILE: u64 = 1_000_000_000_000;

const MOST_PROMPTS_PER_TILE: u32 = 256;

/// Whole runs of a tile's prompts, whose activations a worker holds at once.
const TOKENS_PER_TILE: u32 = 8192;

/// A tile's scores, 40 bytes each, must fit one message.
const MOST_SCORES_PER_TILE: usize = 1 << 16;

const MOST_TILES: usize = 1_000_000;

/// All tiles in merging order, and the cost estimate of each in multiply-adds: for each iteration and range of prompts
/// the baselines, then the live cells of grid after grid in row-major order.
pub(super) fn cut(context: &SweepContext, options: PlanOptions) -> Result<(Vec<Tile>, Vec<u64>), PlanError> {
    let cost = CostModel::of(context);
    let most_prompts = options.tile_prompts.unwrap_or_else(|| default_prompts(context));
    let mut cutter = Cutter {
        target: options.tile_multiply_adds.unwrap_or_else(|| default_target(context, cost, most_prompts)).max(1),
        most_cells: u32::try_from(MOST_SCORES_PER_TILE / context.metrics.len().max(1)).unwrap_or(u32::MAX).max(1),
        tiles: Vec::new(),
        costs: Vec::new(),
    };
    for section in sections(context, most_prompts) {
        cutter.push(&section, TileWork::Baseline, baseline_cost(cost, &section.prompts))?;
        for (grid, region) in (0..).zip(section.regions(context, cost)) {
            cutter.patches(&section, grid, &region)?;
        }
    }
    Ok((cutter.tiles, cutter.costs))
}

fn default_prompts(context: &SweepContext) -> u32 {
    (TOKENS_PER_TILE / (context.last_read() + 1)).clamp(1, MOST_PROMPTS_PER_TILE)
}

fn default_target(context: &SweepContext, cost: CostModel, most_prompts: u32) -> u64 {
    // Regions are made twice rather than kept: a sweep may have very many.
    let of_section = |section: Section| section.regions(context, cost).map(|region| region.cost()).collect::<Vec<_>>();
    let everything = sections(context, most_prompts).flat_map(of_section).fold(0, u64::saturating_add);
    (everything / TILES_WANTED).clamp(SMALLEST_TILE, LARGEST_TILE)
}

/// One iteration over one range of prompts.
struct Section {
    iteration: u32,
    prompts: Range<u32>,
}

fn sections(context: &SweepContext, most_prompts: u32) -> impl Iterator<Item = Section> {
    let chunks = chunks(context.clean.prompts(), most_prompts);
    let iterations = (0..).zip(&context.iterations);
    iterations
        .flat_map(move |(iteration, _)| chunks.clone().into_iter().map(move |prompts| Section { iteration, prompts }))
}

impl Section {
    /// One per grid.
    fn regions(&self, context: &SweepContext, cost: CostModel) -> impl Iterator<Item = Region> {
        let work = Work::new(context, self.iteration, &self.prompts);
        context.grids.iter().map(move |grid| Region::new(context, cost, grid, &work))
    }
}

struct Cutter {
    target: u64,
    most_cells: u32,
    tiles: Vec<Tile>,
    costs: Vec<u64>,
}

/// Cells that become a tile.
#[derive(Default)]
struct Block {
    cells: Vec<Range<u32>>,
    count: u32,
    cost: u64,
}

impl Cutter {
    /// Cuts where a tile has its share of what is left, so that the last one is no remnant.
    fn patches(&mut self, section: &Section, grid: u32, region: &Region) -> Result<(), PlanError> {
        let mut left = region.cost();
        let mut block = Block::default();
        for Strip { mut cells, each } in region.strips() {
            while !cells.is_empty() {
                let share = left.div_ceil(left.div_ceil(self.target).max(1));
                let wanted = share.saturating_sub(block.cost).div_ceil(each.max(1)).max(1);
                let room = u64::from(self.most_cells - block.count).min(wanted);
                let end = cells.end.min(cells.start.saturating_add(u32::try_from(room).unwrap_or(u32::MAX)));
                block.add(cells.start..end, each);
                cells.start = end;
                if block.cost >= share || block.count == self.most_cells {
                    left = left.saturating_sub(block.cost);
                    self.push_block(section, grid, std::mem::take(&mut block))?;
                }
            }
        }
        if block.count > 0 {
            self.push_block(section, grid, block)?;
        }
        Ok(())
    }

    fn push_block(&mut self, section: &Section, grid: u32, block: Block) -> Result<(), PlanError> {
        self.push(section, TileWork::Patch { grid, cells: block.cells }, block.cost)
    }

    fn push(&mut self, section: &Section, work: TileWork, cost: u64) -> Result<(), PlanError> {
        if self.tiles.len() == MOST_TILES {
            return Err(PlanError::TooManyTiles { most: MOST_TILES });
        }
        let id = TileId(u32::try_from(self.tiles.len()).unwrap_or(u32::MAX));
        self.tiles.push(Tile { id, iteration: section.iteration, prompts: section.prompts.clone(), work });
        self.costs.push(cost);
        Ok(())
    }
}

impl Block {
    fn add(&mut self, cells: Range<u32>, each: u64) {
        let count = cells.end - cells.start;
        self.count += count;
        self.cost = self.cost.saturating_add(each.saturating_mul(count.into()));
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
