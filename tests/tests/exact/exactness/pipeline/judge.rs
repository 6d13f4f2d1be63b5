//! Results against brute force.

use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::Grid;
use patchsweep_core::length;
use patchsweep_core::results::SweepResults;
use patchsweep_reference_evaluator::BruteForce;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use super::super::sweep::noops;
use super::estimates::{check_chosen, check_estimate};
use super::row::Row;
use super::statuses::{check_statuses, check_tensors};
use super::wanted::Wanted;

/// Cells of each grid and iteration whose numbers are held to brute force; of the others only what they are worth.
const MOST_CELLS: usize = 6;

/// Holds results to brute force.
pub(super) struct Judge<'a> {
    /// With the grids that results have.
    pub(super) context: &'a SweepContext,
    /// One for each of the context's iterations.
    pub(super) brute_forces: &'a [BruteForce<'a>],
    pub(super) results: &'a SweepResults,
    /// Of the cells that are looked at.
    pub(super) rng: ChaCha8Rng,
}

/// How much was held to brute force.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// Cells that were computed, no-ops, and estimated cells that nothing verified.
    pub(super) cells: [u32; 3],
    pub(super) estimates: u32,
    pub(super) normalized: u32,
    pub(super) replicated: u32,
    /// Effects on single prompts.
    pub(super) prompts: u32,
}

impl Found {
    pub(super) fn add(&mut self, other: Self) {
        self.cells.iter_mut().zip(other.cells).for_each(|(sum, more)| *sum += more);
        self.estimates += other.estimates;
        self.normalized += other.normalized;
        self.replicated += other.replicated;
        self.prompts += other.prompts;
    }

    /// Of what there was least of.
    pub(super) fn least(&self) -> u32 {
        let others = [self.estimates, self.normalized, self.replicated, self.prompts];
        self.cells.into_iter().chain(others).min().unwrap_or_default()
    }
}

impl Judge<'_> {
    pub(super) fn check(&mut self) -> Result<Found, String> {
        let mut found = Found::default();
        let brute_forces = self.brute_forces;
        for (iteration, replicates) in brute_forces.chunks(self.context.replicates as usize).enumerate() {
            let at = |error: String| format!("iteration {iteration}: {error}");
            let metrics = 0..self.context.metrics.len();
            let rows: Vec<Row<'_>> =
                metrics.map(|metric| Row::new(self.context, metric, iteration, replicates)).collect();
            rows.iter().try_for_each(|row| row.check_baselines(self.results)).map_err(at)?;
            for (index, grid) in self.context.grids.iter().enumerate() {
                let at = |error| at(format!("{}: {error}", grid.name));
                self.check_grid((index, grid), replicates, &rows, &mut found).map_err(at)?;
            }
        }
        Ok(found)
    }

    fn check_grid(
        &mut self,
        (index, grid): (usize, &Grid),
        replicates: &[BruteForce<'_>],
        rows: &[Row<'_>],
        found: &mut Found,
    ) -> Result<(), String> {
        let context = self.context;
        let tensors = |row: &Row<'_>| &self.results.grids[row.metric * context.grids.len() + index];
        let cells = grid.cell_count().expect("few cells");
        let iteration = rows[0].iteration;
        let noops: Vec<bool> = (0..cells).map(|place| self.is_noop(iteration, (place, grid))).collect();
        for row in rows {
            check_tensors(context, grid, tensors(row), row.metric)?;
            check_statuses(grid, tensors(row), iteration, &noops, context.clean.prompts())?;
        }
        if grid.estimate.is_some() {
            check_chosen(grid, tensors(&rows[0]), iteration, &noops)?;
        }
        let some = sample(&mut self.rng, noops.len(), MOST_CELLS.min(noops.len()));
        for place in some {
            let cell = grid.cell(length(place));
            let all = |of: &dyn Fn(&BruteForce<'_>) -> Vec<Vec<f64>>| replicates.iter().map(of).collect::<Vec<_>>();
            let patched = all(&|brute_force| brute_force.patched(&cell));
            let estimated = grid.estimate.map(|_| all(&|brute_force| brute_force.estimated(&cell)));
            for row in rows {
                let at = |error| format!("cell {place}, {}: {error}", context.metrics[row.metric].name);
                let wanted = Wanted::new(row.of_metric(&patched), &row.unpatched);
                let scored = (tensors(row), iteration * noops.len() + place);
                row.check_cell(scored, &wanted, found).map_err(at)?;
                if noops[place] {
                    row.check_noop(scored, self.results).map_err(at)?;
                }
                if let Some(estimated) = &estimated {
                    found.estimates += 1;
                    check_estimate(scored, row.of_metric(estimated), &row.unpatched).map_err(at)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a cell cannot change any prompt's score in any replicate, or is left out because its features are off in all.
    fn is_noop(&self, iteration: usize, (place, grid): (u32, &Grid)) -> bool {
        let (replicates, cell) = (self.context.replicates, grid.cell(place));
        let first = length(iteration) * replicates;
        let of_all = |iteration| noops(self.context, iteration, (place, &cell));
        let mut own = (first..first + replicates).map(|iteration| (iteration, &self.brute_forces[iteration as usize]));
        own.clone().all(|(iteration, _)| of_all(iteration).into_iter().all(|noop| noop))
            || (grid.chooses_features() && !own.any(|(_, brute_force)| brute_force.is_active(&cell)))
    }
}
