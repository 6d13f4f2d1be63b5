//! Tiles of estimates.

use super::{Bundle, Cutter, PlanError, Section};
use crate::CostModel;
use crate::region::{Region, Work};
use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::PatchValue;
use patchsweep_core::tile::TileWork;

impl Cutter<'_> {
    /// The live cells of all grids that are estimated, in tiles as large as messages may be: a worker makes the estimates of a
    /// section together, and so the first tile costs what all of them do.
    pub(super) fn estimates(
        &mut self,
        context: &SweepContext,
        section: &Section,
        work: &Work<'_>,
        cost: CostModel<'_>,
    ) -> Result<(), PlanError> {
        let iteration = &context.iterations[section.iteration as usize];
        let mut left = cost.estimates(context, iteration).saturating_mul(section.prompts.len() as u64);
        let means = context.grids.iter().any(|grid| grid.estimate.is_some() && grid.writes_value(PatchValue::Mean));
        if means && self.means_of.insert((section.alike, None)) {
            left = left.saturating_add(work.means_cost(context));
        }
        for (index, grid) in (0..).zip(&context.grids).filter(|(_, grid)| grid.estimate.is_some()) {
            let mut bundle = Bundle::default();
            for mut strip in Region::new(context, grid, work).strips() {
                while !strip.cells.is_empty() {
                    let count = (self.most_cells - bundle.count).min(strip.cells.end - strip.cells.start);
                    bundle.add(&mut strip, count);
                    if bundle.count == self.most_cells {
                        let cells = std::mem::take(&mut bundle).cells;
                        self.push(section, TileWork::Estimate { grid: index, cells }, std::mem::take(&mut left))?;
                    }
                }
            }
            if bundle.count > 0 {
                let work = TileWork::Estimate { grid: index, cells: bundle.cells };
                self.push(section, work, std::mem::take(&mut left))?;
            }
        }
        Ok(())
    }
}
