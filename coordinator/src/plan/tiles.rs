//! Cuts a sweep into tiles of about equal cost.

use std::ops::Range;

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::ids::TileId;
use patchsweep_proto::status::PlanOptions;
use patchsweep_proto::tile::{Tile, TileWork, indices};

use super::CostModel;

/// Fine enough to balance any team of workers, coarse enough that a tile outweighs its messages.
const TILES_WANTED: u64 = 64;
const SMALLEST_TILE: u64 = 500_000_000;
const LARGEST_TILE: u64 = 1_000_000_000_000;
const PROMPTS_PER_TILE: u32 = 256;

/// All tiles in merging order, and the cost estimate of each in multiply-adds.
pub(super) fn cut(context: &SweepContext, options: PlanOptions) -> (Vec<Tile>, Vec<u64>) {
    let cost = CostModel::of(context);
    let cutter = Cutter { context, cost, target: u64::MAX };
    let everything = cutter.total();
    let target = (everything / TILES_WANTED).clamp(SMALLEST_TILE, LARGEST_TILE);
    let cutter = Cutter { target: options.tile_multiply_adds.unwrap_or(target), ..cutter };
    let prompts_per_tile = options.tile_prompts.unwrap_or(PROMPTS_PER_TILE);
    cutter.cut(prompts_per_tile)
}

struct Cutter<'a> {
    context: &'a SweepContext,
    cost: CostModel,
    target: u64,
}

impl Cutter<'_> {
    fn iterations(&self) -> Range<u32> {
        0..u32::try_from(self.context.iterations.len()).unwrap_or(u32::MAX)
    }

    fn grids(&self) -> Range<u32> {
        0..u32::try_from(self.context.grids.len()).unwrap_or(u32::MAX)
    }

    fn all_cells(&self, grid: u32) -> Vec<Range<u32>> {
        let extents = self.context.grids[grid as usize].extents(&self.context.shape, self.context.clean.positions());
        extents.into_iter().map(|extent| 0..extent).collect()
    }

    fn total(&self) -> u64 {
        let prompts = 0..self.context.clean.prompts();
        let pairs = self.iterations().flat_map(|iteration| self.grids().map(move |grid| (iteration, grid)));
        pairs.map(|(iteration, grid)| self.patch_cost(iteration, grid, &self.all_cells(grid), &prompts)).sum()
    }

    fn cut(&self, prompts_per_tile: u32) -> (Vec<Tile>, Vec<u64>) {
        let mut tiles = Vec::new();
        let mut costs = Vec::new();
        let mut push = |iteration, prompts: &Range<u32>, work, cost| {
            let id = TileId(u32::try_from(tiles.len()).unwrap_or(u32::MAX));
            tiles.push(Tile { id, iteration, prompts: prompts.clone(), work });
            costs.push(cost);
        };
        for iteration in self.iterations() {
            for prompts in chunks(self.context.clean.prompts(), prompts_per_tile) {
                let runs = 2 * u64::from(prompts.end - prompts.start);
                push(iteration, &prompts, TileWork::Baseline, runs * self.cost.from_layer(0));
                for grid in self.grids() {
                    for (cells, cost) in self.blocks(iteration, grid, self.all_cells(grid), &prompts) {
                        push(iteration, &prompts, TileWork::Patch { grid, cells }, cost);
                    }
                }
            }
        }
        (tiles, costs)
    }

    /// Halves a block, slowest axis first, until each part is at most the target or one cell.
    fn blocks(
        &self,
        iteration: u32,
        grid: u32,
        cells: Vec<Range<u32>>,
        prompts: &Range<u32>,
    ) -> Vec<(Vec<Range<u32>>, u64)> {
        let cost = self.patch_cost(iteration, grid, &cells, prompts);
        let widest = cells.iter().position(|range| range.len() > 1);
        let Some(axis) = widest.filter(|_| cost > self.target) else { return vec![(cells, cost)] };
        let Range { start, end } = cells[axis];
        let middle = start + (end - start) / 2;
        let half = |range| {
            let mut half = cells.clone();
            half[axis] = range;
            self.blocks(iteration, grid, half, prompts)
        };
        [half(start..middle), half(middle..end)].concat()
    }

    /// Patches that cannot change the score cost nothing.
    fn patch_cost(&self, iteration: u32, grid: u32, cells: &[Range<u32>], prompts: &Range<u32>) -> u64 {
        let grid = &self.context.grids[grid as usize];
        let layers = self.context.shape.layers;
        let cost = |index: &Vec<u32>| {
            let cell = grid.cell(index);
            let live = prompts.clone().filter(|&p| !self.context.prompt_pair(iteration, p).is_noop(&cell, layers));
            live.count() as u64 * self.cost.from_layer(cell.layer)
        };
        indices(cells).iter().map(cost).sum()
    }
}

fn chunks(total: u32, most: u32) -> impl Iterator<Item = Range<u32>> {
    let most = most.max(1);
    (0..total.div_ceil(most)).map(move |chunk| chunk * most..((chunk + 1) * most).min(total))
}
