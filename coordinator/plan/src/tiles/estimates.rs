//! Tiles of estimates.

use std::slice;

use patchsweep_core::grid::PatchValue;
use patchsweep_core::tile::TileWork;

use super::cutter::{Bundle, Cutter};
use super::means::{Means, means};
use super::sections::Section;
use super::strips::joined;
use crate::region::{Region, Work};
use crate::{CostModel, PlanError};

impl Cutter {
    /// The live cells of all grids that are estimated, in tiles as large as messages may be: a worker makes the estimates of a
    /// section together, and so the first tile costs what all of them do.
    ///
    /// Estimates are of sweeps without groups, so that a section has one stretch.
    pub(super) fn estimates(&mut self, section: &Section<'_>, work: &Work<'_>) -> Result<(), PlanError> {
        let stretch = &section.stretches[0];
        let context = stretch.context();
        let iteration = &context.iterations[section.iteration as usize];
        let mut left =
            CostModel::of(context).estimates(context, iteration).saturating_mul(stretch.prompts.len() as u64);
        if context.grids.iter().any(|grid| grid.estimate.is_some() && grid.writes_value(PatchValue::Mean)) {
            let Means { cost, of } = means(slice::from_ref(stretch.share), section.iteration);
            if self.means_of.insert(of) {
                left = left.saturating_add(cost);
            }
        }
        for (index, grid) in (0..).zip(&context.grids).filter(|(_, grid)| grid.estimate.is_some()) {
            let mut bundle = Bundle::default();
            for mut strip in joined(std::iter::once(Region::new(context, grid, work).strips())) {
                while !strip.cells.is_empty() {
                    let count = (self.most_cells - bundle.count).min(strip.cells.end - strip.cells.start);
                    bundle.add(&mut strip, count);
                    if bundle.count == self.most_cells {
                        let cells = std::mem::take(&mut bundle).cells;
                        let work = TileWork::Estimate { grid: index, cells, plain: false };
                        self.push(section, work, std::mem::take(&mut left))?;
                    }
                }
            }
            if bundle.count > 0 {
                let work = TileWork::Estimate { grid: index, cells: bundle.cells, plain: false };
                self.push(section, work, std::mem::take(&mut left))?;
            }
        }
        Ok(())
    }
}
