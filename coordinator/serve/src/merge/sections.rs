//! The tiles that every plan has, section by section: baselines, and behind them what is computed, estimated or asked for activity.

use std::ops::Range;

use patchsweep_core::context::Direction;
use patchsweep_core::grid::Grid;
use patchsweep_core::length;
use patchsweep_core::moments::Moments;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_plan::Plan;

use super::baselines::{Baselines, CLEAN, CORRUPTED};
use super::estimates::Estimates;
use super::iteration::Iteration;
use super::merger::{Section, rows};
use super::sums::{Ends, Missing};
use super::{MergeError, Merged, tensors};

/// The sections of a plan's iterations, as far as they have been taken.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    plan: &'a Plan,
    /// In hand.
    section: Section,
    /// Over its prompts the run that is patched, as the score of a cell that cannot change it \[metrics\]; checks have none.
    untouched: Result<Vec<CellScore>, Missing>,
    sums: Iteration,
    /// Of grids that are estimated \[grids\].
    estimates: Vec<Option<Estimates>>,
    baselines: Baselines,
    /// Of the spec's iterations \[iterations, metrics\]: not rounded, as `normalized` is made of them.
    ends: Vec<Vec<Ends>>,
}

impl<'a> Sections<'a> {
    /// Before the first tile.
    pub(super) fn begin(plan: &'a Plan, first: &Tile) -> Self {
        let context = &plan.context;
        let metrics = context.metrics.len();
        let estimates = |grid: &Grid| grid.estimate.map(|_| Estimates::new(grid.cells(), metrics));
        Self {
            plan,
            section: Section::of(first),
            untouched: Err(Missing::Failed),
            sums: Iteration::new(context),
            estimates: context.grids.iter().map(estimates).collect(),
            baselines: Baselines::new(context),
            ends: vec![vec![Ends::UNKNOWN; metrics]; context.spec_iterations()],
        }
    }

    /// Takes the next tile.
    pub(super) fn take(
        &mut self,
        tile: &Tile,
        scores: Result<&TileScores, Missing>,
        merged: &mut Merged,
    ) -> Result<(), MergeError> {
        self.enter(Section::of(tile), merged);
        match &tile.work {
            TileWork::Baseline => self.take_baseline(scores),
            TileWork::Patch { grid, cells, .. } => self.take_patches(*grid as usize, cells, scores, merged),
            TileWork::Activity { grid, cells } => self.take_activity(*grid, cells, scores, merged),
            TileWork::Estimate { grid, cells, .. } => {
                let grid = *grid as usize;
                let mut estimates = self.estimates[grid].take().ok_or(MergeError::Work { tile: tile.id })?;
                self.take_estimates(grid, &mut estimates, cells, scores, merged);
                self.estimates[grid] = Some(estimates);
            }
        }
        Ok(())
    }

    /// Behind the last tile. Gives the baselines of the spec's iterations \[iterations, metrics\], not rounded.
    pub(super) fn finish(mut self, merged: &mut Merged) -> Vec<Vec<Ends>> {
        self.end_section(merged);
        self.end_iteration(merged);
        self.ends
    }

    fn enter(&mut self, section: Section, merged: &mut Merged) {
        if section == self.section {
            return;
        }
        self.end_section(merged);
        if section.iteration != self.section.iteration {
            self.end_iteration(merged);
        }
        (self.section, self.untouched) = (section, Err(Missing::Failed));
    }

    fn take_baseline(&mut self, scores: Result<&TileScores, Missing>) {
        self.baselines.add(scores, &tensors::prompt_places(&self.plan.context, &self.section));
        let patched = match self.plan.context.direction {
            Direction::Noising => CLEAN,
            Direction::Denoising => CORRUPTED,
        };
        let of_run = |scores: &TileScores| {
            scores.scores[patched * scores.metrics..][..scores.metrics].iter().map(without_effect).collect()
        };
        self.untouched = scores.map(of_run);
    }

    fn take_patches(
        &mut self,
        grid: usize,
        cells: &[Range<u32>],
        scores: Result<&TileScores, Missing>,
        merged: &mut Merged,
    ) {
        let mut rows = rows(scores);
        for range in cells {
            self.fill_untouched(grid, range.start, merged);
            self.sums.compute(grid, rows.by_ref().take(range.len()));
        }
        if let Ok(scores) = scores {
            tensors::keep_effects(&self.plan.context, &self.section, merged.grid_mut(grid), cells, scores);
        }
    }

    fn take_estimates(
        &mut self,
        grid: usize,
        estimates: &mut Estimates,
        cells: &[Range<u32>],
        scores: Result<&TileScores, Missing>,
        merged: &mut Merged,
    ) {
        let (before, here) = (self.sums.prompts(), self.section.count());
        // A check has effects of other cells.
        let is_check = self.plan.check.is_some();
        let mut rows = rows(scores);
        for range in cells {
            if !is_check {
                self.fill_untouched(grid, range.start, merged);
            }
            estimates.fill_untouched(range.start, before, here);
            for row in rows.by_ref().take(range.len()) {
                estimates.add(row, before);
                if !is_check {
                    self.sums.grid(grid).estimate(row.map(|_| ()), before);
                }
            }
        }
    }

    /// Cells of features that are off are as if they were in no tile; the others are in later ones, once these are chosen.
    fn take_activity(
        &mut self,
        grid: u32,
        cells: &[Range<u32>],
        scores: Result<&TileScores, Missing>,
        merged: &mut Merged,
    ) {
        let plan = self.plan;
        let iteration = plan.context.spec_iteration(self.section.iteration);
        let chosen = plan.choice.as_ref().and_then(|choice| choice.of(grid, length(iteration)));
        let missing = scores.err().or(chosen.is_none().then_some(Missing::Pending));
        let grid = grid as usize;
        for cell in cells.iter().cloned().flatten() {
            let is_in = |list: &[u32]| list.binary_search(&cell).is_ok();
            self.fill_untouched(grid, cell, merged);
            let before = self.sums.prompts();
            let sums = self.sums.grid(grid);
            if chosen.is_some_and(|chosen| is_in(&chosen.top)) {
                sums.skip_until(cell + 1, before);
            } else if let Some(missing) = missing {
                sums.compute(Err(missing), before);
            } else if chosen.is_some_and(|chosen| is_in(&chosen.unknown)) {
                // Cells are chosen once: what a tile says that was computed after that comes too late.
                sums.compute(Err(Missing::Failed), before);
            } else {
                self.fill_untouched(grid, cell + 1, merged);
            }
        }
    }

    /// The cells of a grid up to another one are in no tile.
    fn fill_untouched(&mut self, grid: usize, cell: u32, merged: &mut Merged) {
        let untouched = self.untouched.as_deref().map_err(|missing| *missing);
        let before = self.sums.prompts();
        let filled = self.sums.grid(grid).fill_untouched(cell, untouched, before);
        if let Ok(untouched) = untouched {
            tensors::forget_effects(&self.plan.context, &self.section, merged.grid_mut(grid), filled, untouched);
        }
    }

    /// Cells behind the last tile of a grid are in none.
    fn end_section(&mut self, merged: &mut Merged) {
        for (grid, of_plan) in self.plan.context.grids.iter().enumerate() {
            self.fill_untouched(grid, of_plan.cells(), merged);
        }
        let (before, here) = (self.sums.prompts(), self.section.count());
        self.estimates.iter_mut().flatten().for_each(|estimates| estimates.end_section(before, here));
        self.sums.end_section(here);
    }

    /// Adds the iteration to its replicates, and with the last of them fills their part of the tensors.
    fn end_iteration(&mut self, merged: &mut Merged) {
        let iteration = self.plan.context.spec_iteration(self.section.iteration);
        self.ends[iteration] = self.baselines.end_iteration();
        self.estimates.iter_mut().flatten().for_each(Estimates::end_iteration);
        if self.sums.end_iteration(&mut merged.grids, iteration, &self.ends[iteration]) {
            self.baselines.end_replicates(iteration, merged);
            for (grid, estimates) in self.estimates.iter_mut().enumerate() {
                if let Some(estimates) = estimates {
                    estimates.move_to(merged.grid_mut(grid), iteration);
                }
            }
        }
    }
}

/// A score minus itself: 0, or no number where it is not finite.
fn without_effect(score: &CellScore) -> CellScore {
    let Moments { count, mean, .. } = score.value;
    let effect = if mean.is_finite() { 0.0 } else { f64::NAN };
    CellScore { value: score.value, effect: Moments { count, mean: effect, m2: effect } }
}
