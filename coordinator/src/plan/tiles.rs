//! Cuts a sweep into tiles of about equal cost.

use std::ops::Range;

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::ids::TileId;
use patchsweep_proto::status::PlanOptions;
use patchsweep_proto::tile::{Tile, TileWork};

use super::region::Region;
use super::{CostModel, PlanError};

/// Fine enough to balance any team of workers, coarse enough that a tile outweighs its messages.
const TILES_WANTED: u64 = 64;
const SMALLEST_TILE: u64 = 500_000_000;
const LARGEST_TILE: u64 = 1_000_000_000_000;
const PROMPTS_PER_TILE: u32 = 256;

/// A tile's scores, 40 bytes each, must fit one message.
const MOST_SCORES_PER_TILE: usize = 1 << 16;

const MOST_TILES: usize = 1_000_000;

/// All tiles in merging order, and the cost estimate of each in multiply-adds.
pub(super) fn cut(context: &SweepContext, options: PlanOptions) -> Result<(Vec<Tile>, Vec<u64>), PlanError> {
    let cost = CostModel::of(context);
    let chunks = chunks(context.clean.prompts(), options.tile_prompts.unwrap_or(PROMPTS_PER_TILE));
    let sections: Vec<Section> = sections(context, cost, &chunks);
    let regions = || sections.iter().flat_map(|section| &section.regions);
    let everything = regions().fold(0u64, |sum, region| sum.saturating_add(region.cost(&region.whole())));
    let default_target = (everything / TILES_WANTED).clamp(SMALLEST_TILE, LARGEST_TILE);
    let mut cutter = Cutter {
        target: options.tile_multiply_adds.unwrap_or(default_target),
        most_cells: MOST_SCORES_PER_TILE / context.metrics.len().max(1),
        tiles: Vec::new(),
        costs: Vec::new(),
    };
    for section in &sections {
        let runs = 2 * u64::from(section.prompts.end - section.prompts.start);
        cutter.push(section, TileWork::Baseline, runs * cost.whole_run())?;
        for (grid, region) in (0..).zip(&section.regions) {
            cutter.split(section, grid, region, region.whole())?;
        }
    }
    Ok((cutter.tiles, cutter.costs))
}

/// One iteration over one range of prompts.
struct Section {
    iteration: u32,
    prompts: Range<u32>,
    /// One per grid.
    regions: Vec<Region>,
}

fn sections(context: &SweepContext, cost: CostModel, chunks: &[Range<u32>]) -> Vec<Section> {
    let section = |iteration: u32, prompts: &Range<u32>| {
        let region = |grid| Region::new(context, cost, grid, iteration, prompts);
        Section { iteration, prompts: prompts.clone(), regions: context.grids.iter().map(region).collect() }
    };
    let iterations = (0..).zip(&context.iterations);
    iterations.flat_map(|(iteration, _)| chunks.iter().map(move |prompts| section(iteration, prompts))).collect()
}

struct Cutter {
    target: u64,
    most_cells: usize,
    tiles: Vec<Tile>,
    costs: Vec<u64>,
}

impl Cutter {
    /// Halves a block, slowest axis first, until each part fits the target or is one cell.
    fn split(
        &mut self,
        section: &Section,
        grid: u32,
        region: &Region,
        block: Vec<Range<u32>>,
    ) -> Result<(), PlanError> {
        let cost = region.cost(&block);
        let cells: usize = block.iter().map(ExactSizeIterator::len).product();
        let fits = cost <= self.target && cells <= self.most_cells;
        let Some(axis) = block.iter().position(|range| range.len() > 1).filter(|_| !fits) else {
            return self.push(section, TileWork::Patch { grid, cells: block }, cost);
        };
        let Range { start, end } = block[axis];
        let middle = start + (end - start) / 2;
        for half in [start..middle, middle..end] {
            let mut part = block.clone();
            part[axis] = half;
            self.split(section, grid, region, part)?;
        }
        Ok(())
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

fn chunks(total: u32, most: u32) -> Vec<Range<u32>> {
    let most = most.max(1);
    (0..total.div_ceil(most)).map(|chunk| chunk * most..((chunk + 1) * most).min(total)).collect()
}
