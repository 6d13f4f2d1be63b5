//! A piece of work that one worker leases.

use std::ops::Range;
use std::sync::Arc;

use crate::context::SweepContext;
use crate::dictionary::Dictionary;
use crate::grid::Cell;
use crate::ids::TileId;

/// Some cells, or the baselines, of one iteration over a range of prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Index in the plan.
    pub id: TileId,
    /// Index in the context's iterations.
    pub iteration: u32,
    /// Prompts covered, not empty.
    pub prompts: Range<u32>,
    /// What to compute for them.
    pub work: TileWork,
}

/// What a tile computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TileWork {
    /// The metrics of the clean and of the corrupted run: two cells, in this order.
    Baseline,
    /// Patched runs.
    Patch {
        /// Index in the context's grids.
        grid: u32,
        /// Row-major places in the grid: ascending ranges, none empty.
        cells: Vec<Range<u32>>,
        /// One plain forward pass for each cell, for a check.
        plain: bool,
    },
    /// Estimates of patched runs, from gradients: estimated values and effects in the shape of computed ones.
    Estimate {
        /// Index in the context's grids.
        grid: u32,
        /// Row-major places in the grid: ascending ranges, none empty.
        cells: Vec<Range<u32>>,
        /// From differences of plain forward passes of each cell's own instead, for a check.
        plain: bool,
    },
    /// How active features are: of each cell the largest activation of its features at its positions, in the clean or the
    /// corrupted run, as its value. One score for each cell, whatever the metrics.
    Activity {
        /// Index in the context's grids.
        grid: u32,
        /// Row-major places in the grid: ascending ranges, none empty.
        cells: Vec<Range<u32>>,
    },
}

impl TileWork {
    /// The cells of a grid that it is about, and the grid; none of baselines.
    #[must_use]
    pub fn cells(&self) -> Option<(u32, &[Range<u32>])> {
        match self {
            Self::Baseline => None,
            Self::Patch { grid, cells, .. } | Self::Estimate { grid, cells, .. } | Self::Activity { grid, cells } => {
                Some((*grid, cells))
            }
        }
    }
}

/// Cells of a baseline tile: clean, then corrupted.
pub const BASELINE_CELLS: usize = 2;

impl Tile {
    /// Number of cells.
    #[must_use]
    pub fn cell_count(&self) -> usize {
        let cells = self.work.cells();
        cells.map_or(BASELINE_CELLS, |(_, cells)| cells.iter().map(ExactSizeIterator::len).sum())
    }

    /// Scores of each cell: one under each metric, but one of how active it is.
    #[must_use]
    pub fn scores_per_cell(&self, context: &SweepContext) -> usize {
        if self.is_activity() { 1 } else { context.metrics.len() }
    }

    /// Whether it says how active features are.
    #[must_use]
    pub fn is_activity(&self) -> bool {
        matches!(self.work, TileWork::Activity { .. })
    }

    /// Whether each of its cells is computed by plain forward passes of its own.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.work, TileWork::Patch { plain: true, .. } | TileWork::Estimate { plain: true, .. })
    }

    /// Whether its scores are estimates.
    #[must_use]
    pub fn is_estimate(&self) -> bool {
        matches!(self.work, TileWork::Estimate { .. })
    }

    /// The dictionary whose features it is about.
    #[must_use]
    pub fn dictionary<'a>(&self, context: &'a SweepContext) -> Option<&'a Arc<Dictionary>> {
        match &self.work {
            TileWork::Baseline | TileWork::Estimate { .. } => None,
            TileWork::Patch { grid, .. } | TileWork::Activity { grid, .. } => {
                context.grids[*grid as usize].dictionary()
            }
        }
    }

    /// Whether it computes patched runs.
    #[must_use]
    pub fn is_patch(&self) -> bool {
        matches!(self.work, TileWork::Patch { .. })
    }

    /// Whether its result has a number of each prompt, too: the effects of patched runs, or the metrics of baselines.
    #[must_use]
    pub fn keeps_prompts(&self, context: &SweepContext) -> bool {
        context.per_prompt && matches!(self.work, TileWork::Patch { .. } | TileWork::Baseline)
    }

    /// The cells in order; none for a baseline tile.
    #[must_use]
    pub fn patches<'a>(&self, context: &'a SweepContext) -> Vec<Cell<'a>> {
        let Some((grid, cells)) = self.work.cells() else { return Vec::new() };
        let grid = &context.grids[grid as usize];
        cells.iter().cloned().flatten().map(|place| grid.cell(place)).collect()
    }
}
