//! Tiles that say which features are active, where only cells of these are computed.

use std::ops::Range;

use patchsweep_core::grid::{Axis, Grid};
use patchsweep_core::length;
use patchsweep_core::tile::TileWork;

use super::cutter::Cutter;
use super::messages::{BYTES_BESIDE_CELLS, BYTES_PER_COUNT, BYTES_PER_SCORE, MOST_MESSAGE_BYTES};
use super::sections::Section;
use crate::PlanError;
use crate::region::Work;

/// Most bytes of a tile's cells; each cell has one score.
const MOST_BYTES: usize = MOST_MESSAGE_BYTES - BYTES_BESIDE_CELLS;

/// Clean and corrupted run.
const RUNS: u64 = 2;

impl Cutter {
    /// Of all grids that choose their features the cells up to the last position that is read, also those that cannot change a
    /// score: what is active is a matter of the runs alone.
    ///
    /// Dictionaries are of sweeps without groups, so that a section has one stretch.
    pub(super) fn activity(&mut self, section: &Section<'_>, work: &Work<'_>) -> Result<(), PlanError> {
        let context = section.stretches[0].context();
        for (index, grid) in (0..).zip(&context.grids).filter(|(_, grid)| grid.chooses_features()) {
            for cells in pieces(grid, work.last_read()) {
                let cells = vec![cells];
                let cost = work.encoding_cost(grid, &cells, RUNS);
                self.push(section, TileWork::Activity { grid: index, cells }, cost)?;
            }
        }
        Ok(())
    }
}

/// As many positions with all of their features as a tile may have, or as many features of one position.
fn pieces(grid: &Grid, last_read: u32) -> Vec<Range<u32>> {
    let positions = grid.indices(Axis::Pos).partition_point(|&position| position <= last_read);
    let rows = if grid.axes.contains(&Axis::Pos) { length(positions) } else { u32::from(positions > 0) };
    let features = length(grid.indices(Axis::Feature).len());
    let most = length(MOST_BYTES / (BYTES_PER_SCORE + BYTES_PER_COUNT));
    let rows_at_once = (most / features).max(1);
    let of_rows = |first: u32| {
        let last = (first + rows_at_once).min(rows);
        let (start, end) = (first * features, last * features);
        (start..end).step_by(most as usize).map(move |first| first..(first + most).min(end))
    };
    (0..rows).step_by(rows_at_once as usize).flat_map(of_rows).collect()
}
