//! The tiles of cells that the others decided on. They have no baselines of their own, and their scores alone are written into
//! tensors that are there.

use patchsweep_core::scores::TileScores;
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_plan::Plan;

use super::iteration::Iteration;
use super::merger::{Section, rows};
use super::sums::{Ends, Missing};
use super::{MergeError, Merged, tensors};

/// Chosen cells, as far as their tiles have been taken.
#[derive(Debug)]
pub(super) struct ChosenCells<'a> {
    plan: &'a Plan,
    /// In hand.
    section: Section,
    sums: Iteration,
    /// Of the spec's iterations \[iterations, metrics\], not rounded.
    ends: Vec<Vec<Ends>>,
}

impl<'a> ChosenCells<'a> {
    /// Before the first of their tiles.
    pub(super) fn begin(plan: &'a Plan, first: &Tile, ends: Vec<Vec<Ends>>) -> Self {
        Self { plan, section: Section::of(first), sums: Iteration::new(&plan.context), ends }
    }

    /// Takes the next tile.
    pub(super) fn take(
        &mut self,
        tile: &Tile,
        scores: Result<&TileScores, Missing>,
        merged: &mut Merged,
    ) -> Result<(), MergeError> {
        let TileWork::Patch { grid, cells, .. } = &tile.work else {
            return Err(MergeError::Work { tile: tile.id });
        };
        self.enter(Section::of(tile), merged);
        let (grid, mut rows) = (*grid as usize, rows(scores));
        for range in cells {
            let before = self.sums.prompts();
            self.sums.grid(grid).skip_until(range.start, before);
            self.sums.compute(grid, rows.by_ref().take(range.len()));
        }
        if let Ok(scores) = scores {
            tensors::keep_effects(&self.plan.context, &self.section, merged.grid_mut(grid), cells, scores);
        }
        Ok(())
    }

    /// Behind the last tile.
    pub(super) fn finish(mut self, merged: &mut Merged) {
        self.end_section();
        self.end_iteration(merged);
    }

    fn enter(&mut self, section: Section, merged: &mut Merged) {
        if section == self.section {
            return;
        }
        self.end_section();
        if section.iteration != self.section.iteration {
            self.end_iteration(merged);
        }
        self.section = section;
    }

    /// What is in no tile of these was decided before.
    fn end_section(&mut self) {
        let before = self.sums.prompts();
        for (grid, of_plan) in self.plan.context.grids.iter().enumerate().filter(|(_, grid)| grid.is_chosen_from()) {
            self.sums.grid(grid).skip_until(of_plan.cells(), before);
        }
        self.sums.end_section(self.section.count());
    }

    /// Adds the iteration to its replicates; with the last of them its cells are written.
    fn end_iteration(&mut self, merged: &mut Merged) {
        let iteration = self.plan.context.spec_iteration(self.section.iteration);
        self.sums.end_iteration(&mut merged.grids, iteration, &self.ends[iteration]);
    }
}
