//! A block of work that one worker leases.

use std::ops::Range;

use crate::context::SweepContext;
use crate::grid::Cell;
use crate::ids::TileId;

/// A block of cells, or the baselines, of one iteration over a range of prompts.
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
        /// One range per axis of the grid, none empty.
        cells: Vec<Range<u32>>,
    },
}

/// Cells of a baseline tile: clean, then corrupted.
pub const BASELINE_CELLS: usize = 2;

impl Tile {
    /// Number of cells.
    #[must_use]
    pub fn cell_count(&self) -> usize {
        match &self.work {
            TileWork::Baseline => BASELINE_CELLS,
            TileWork::Patch { cells, .. } => cells.iter().map(ExactSizeIterator::len).product(),
        }
    }

    /// The patches in row-major order; none for a baseline tile.
    #[must_use]
    pub fn patches(&self, context: &SweepContext) -> Vec<Cell> {
        match &self.work {
            TileWork::Baseline => Vec::new(),
            TileWork::Patch { grid, cells } => {
                let grid = &context.grids[*grid as usize];
                indices(cells).iter().map(|index| grid.cell(index)).collect()
            }
        }
    }
}

/// All index tuples of a block, in row-major order.
#[must_use]
pub fn indices(ranges: &[Range<u32>]) -> Vec<Vec<u32>> {
    ranges.iter().fold(vec![Vec::new()], |prefixes, range| {
        let extend = |prefix: Vec<u32>| {
            range.clone().map(move |index| {
                let mut tuple = prefix.clone();
                tuple.push(index);
                tuple
            })
        };
        prefixes.into_iter().flat_map(extend).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_row_major() {
        assert_eq!(indices(&[1..3, 0..2]), [[1, 0], [1, 1], [2, 0], [2, 1]]);
    }
}
