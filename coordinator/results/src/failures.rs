//! Messages about cells that failed.

use patchsweep_core::results::{CellStatus, GridScores, SweepResults};
use serde_json::Value;

/// Most different reasons that a message about a grid names.
const MOST_REASONS: usize = 3;

/// Which cells failed, and why. The reasons stand in the manifest; one of another form has none.
#[derive(Clone, Debug)]
pub struct Failures {
    list: Vec<Failure>,
    iterations: Vec<String>,
}

#[derive(Clone, Debug)]
struct Failure {
    /// `None`: a baseline, which every cell needs that no tile computes.
    grid: Option<String>,
    iteration: String,
    reason: String,
}

impl Failures {
    /// Those of a finished sweep.
    #[must_use]
    pub fn of(results: &SweepResults) -> Self {
        let manifest: Value = serde_json::from_str(&results.manifest).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let failure = |value: &Value| {
            let (iteration, reason) = (text(&value["iteration"])?, text(&value["reason"])?);
            Some(Failure { grid: text(&value["grid"]), iteration, reason })
        };
        let list = manifest["run"]["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self { list: list.iter().filter_map(failure).collect(), iterations: results.iteration_labels.clone() }
    }

    /// One line for people: how many cells of a grid failed, and why; `None`: none did.
    #[must_use]
    pub fn of_grid(&self, scores: &GridScores) -> Option<String> {
        self.describe(scores, &scores.status, |_| true)
    }

    /// One line for people, of the cells in one iteration.
    #[must_use]
    pub fn of_iteration(&self, scores: &GridScores, iteration: usize) -> Option<String> {
        let cells = scores.cells();
        let status = scores.status.chunks(cells.max(1)).nth(iteration)?;
        let label = self.iterations.get(iteration)?;
        self.describe(scores, status, |failure| failure.iteration == *label)
    }

    fn describe(
        &self,
        scores: &GridScores,
        status: &[CellStatus],
        matters: impl Fn(&Failure) -> bool,
    ) -> Option<String> {
        let failed = status.iter().filter(|&&status| status == CellStatus::Failed).count();
        if failed == 0 {
            return None;
        }
        let mut reasons: Vec<&str> = Vec::new();
        for failure in self.list.iter().filter(|failure| matters(failure)) {
            let is_of_grid = failure.grid.as_ref().is_none_or(|grid| *grid == scores.grid);
            if is_of_grid && !reasons.contains(&failure.reason.as_str()) && reasons.len() < MOST_REASONS {
                reasons.push(&failure.reason);
            }
        }
        let why = if reasons.is_empty() { "manifest.json says why".to_owned() } else { reasons.join("; ") };
        Some(format!("{failed} of {} cells failed (status {}): {why}", status.len(), CellStatus::Failed.number()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, example_with_failures};

    #[test]
    fn a_whole_sweep_has_none() {
        let results = example();
        let failures = Failures::of(&results);
        assert!(results.grids.iter().all(|grid| failures.of_grid(grid).is_none()));
    }

    #[test]
    fn failed_cells_are_counted_with_the_reasons_of_their_grid_and_iteration() {
        let results = example_with_failures();
        let failures = Failures::of(&results);
        let grid = &results.grids[0];
        let message = failures.of_grid(grid).expect("failures");
        assert_eq!(message, "3 of 96 cells failed (status 3): out of memory; no answer");
        let first = failures.of_iteration(grid, 0).expect("failures");
        assert_eq!(first, "2 of 32 cells failed (status 3): out of memory");
        assert_eq!(failures.of_iteration(grid, 1).expect("failures"), "1 of 32 cells failed (status 3): no answer");
        assert_eq!((failures.of_iteration(grid, 2), failures.of_grid(&results.grids[1])), (None, None));
    }
}
