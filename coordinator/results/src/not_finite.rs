//! Messages about scores that are no finite numbers.

mod estimates;

use std::fmt;

use patchsweep_core::results::{Baseline, CellStatus, GridScores, SweepResults};
use serde_json::Value;

use estimates::Missing;

/// Which scores are no finite numbers, and what to do about it.
#[derive(Clone, Debug)]
pub struct NotFinite<'a> {
    results: &'a SweepResults,
    cause: Cause,
    missing: Missing,
}

/// The likely cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Activations are larger than the largest number of their type.
    Float16,
    /// The type reaches as far as float32.
    Weights,
    /// The manifest does not say the type.
    Unknown,
}

/// How many scores are no finite numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFiniteCount {
    /// Over all grids, metrics and iterations.
    pub cells: usize,
    /// Estimates of effects, likewise.
    pub estimates: usize,
    /// Mean clean and corrupted metrics.
    pub baselines: usize,
    /// Why.
    pub cause: Cause,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float16 => {
                "float16 ends at 65504, and activations of this model are probably larger; \
                 compute with `dtype = \"bfloat16\"` or `\"float32\"` under `[model]`"
            }
            Self::Weights => {
                "probably the weights hold infinities, numbers that are none, or very large ones; look at the weight files, \
                 and at the corruption if it is noise"
            }
            Self::Unknown => "probably an overflow; compute with `dtype = \"float32\"` under `[model]`",
        })
    }
}

impl<'a> NotFinite<'a> {
    /// Those of a sweep, ended or not.
    #[must_use]
    pub fn of(results: &'a SweepResults) -> Self {
        let manifest: Value = serde_json::from_str(&results.manifest).unwrap_or_default();
        let cause = match manifest["model"]["dtype"].as_str() {
            Some("float16") => Cause::Float16,
            Some(_) => Cause::Weights,
            None => Cause::Unknown,
        };
        Self { results, cause, missing: Missing::of(results, &manifest) }
    }

    /// One line for people: how many cells of a grid, and why; `None`: none is.
    #[must_use]
    pub fn of_grid(&self, scores: &GridScores) -> Option<String> {
        self.of_cells(&scores.status)
    }

    /// One line for people, of the cells in one iteration.
    #[must_use]
    pub fn of_iteration(&self, scores: &GridScores, iteration: usize) -> Option<String> {
        self.of_cells(scores.status.chunks(scores.cells().max(1)).nth(iteration)?)
    }

    /// One line for people: how many estimates of a grid, and why; `None`: none is.
    #[must_use]
    pub fn of_estimates(&self, scores: &GridScores) -> Option<String> {
        let (infinite, all) = (self.infinite_estimates(scores), scores.estimate.len());
        (infinite > 0).then(|| format!("{infinite} of {all} estimates are not finite: {}", self.cause))
    }

    /// One line for people for each mean clean or corrupted metric.
    #[must_use]
    pub fn of_baselines(&self) -> Vec<String> {
        let line = |(run, metric, iteration): (&str, usize, usize)| {
            let (metric, label) = (&self.results.metrics[metric], &self.results.iteration_labels[iteration]);
            format!("the {run} run's {metric} is not finite in {label}: {}", self.cause)
        };
        self.baselines().map(line).collect()
    }

    /// All of them together; `None`: all scores are finite.
    #[must_use]
    pub fn count(&self) -> Option<NotFiniteCount> {
        let cells = self.results.grids.iter().map(|scores| count(&scores.status)).sum();
        let estimates = self.results.grids.iter().map(|scores| self.infinite_estimates(scores)).sum();
        let baselines = self.baselines().count();
        let are_any = cells + estimates + baselines > 0;
        are_any.then_some(NotFiniteCount { cells, estimates, baselines, cause: self.cause })
    }

    fn of_cells(&self, status: &[CellStatus]) -> Option<String> {
        let cells = count(status);
        let number = CellStatus::NotFinite.number();
        (cells > 0)
            .then(|| format!("{cells} of {} cells are not finite (status {number}): {}", status.len(), self.cause))
    }

    fn infinite_estimates(&self, scores: &GridScores) -> usize {
        let cells = scores.cells().max(1);
        let is_infinite = |&(place, estimate): &(usize, &f32)| {
            !estimate.is_finite() && !self.missing.has(scores, place / cells, scores.status[place], *estimate)
        };
        scores.estimate.iter().enumerate().filter(is_infinite).count()
    }

    /// Run, metric and iteration.
    fn baselines(&self) -> impl Iterator<Item = (&'static str, usize, usize)> {
        let runs = [("clean", &self.results.clean), ("corrupted", &self.results.corrupted)];
        let means = runs.into_iter().flat_map(|(run, rows)| {
            let row = move |(metric, row): (usize, &'a Baseline)| {
                row.mean
                    .iter()
                    .enumerate()
                    .map(move |(iteration, &mean)| (run, metric, iteration, mean))
                    .collect::<Vec<_>>()
            };
            rows.iter().enumerate().flat_map(row)
        });
        means
            .filter(|&(.., iteration, mean)| self.results.baseline_status(iteration, mean) == CellStatus::NotFinite)
            .map(|(run, metric, iteration, _)| (run, metric, iteration))
    }
}

impl fmt::Display for NotFiniteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cells, estimates, baselines, cause } = self;
        let estimates = if *estimates == 0 { String::new() } else { format!(", {estimates} estimates") };
        write!(f, "{cells} cells{estimates} and {baselines} baselines are not finite: {cause}")
    }
}

fn count(status: &[CellStatus]) -> usize {
    status.iter().filter(|&&status| status == CellStatus::NotFinite).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, example_with_failures};

    #[test]
    fn finite_scores_are_not_reported() {
        let mut results = example();
        results.grids.remove(0);
        let not_finite = NotFinite::of(&results);
        assert_eq!((not_finite.count(), not_finite.of_baselines()), (None, Vec::new()));
        assert_eq!(not_finite.of_grid(&results.grids[0]), None);
    }

    #[test]
    fn cells_and_baselines_are_counted_with_the_likely_cause_and_the_next_step() {
        let mut results = example();
        results.clean[1].mean[2] = f32::INFINITY;
        results.manifest = r#"{"model":{"dtype":"float16"}}"#.to_owned();
        let not_finite = NotFinite::of(&results);
        let count = not_finite.count().expect("some are not");
        assert_eq!((count.cells, count.baselines, count.cause), (1, 1, Cause::Float16));
        let grid = not_finite.of_grid(&results.grids[0]).expect("one is not");
        assert!(grid.starts_with("1 of 96 cells are not finite (status 1): float16 ends at 65504"), "{grid}");
        assert!(grid.contains("`dtype = \"bfloat16\"` or `\"float32\"`"), "{grid}");
        let iterations = [0, 1].map(|iteration| not_finite.of_iteration(&results.grids[0], iteration).is_some());
        assert_eq!(iterations, [true, false]);
        let baseline = &not_finite.of_baselines()[0];
        assert!(baseline.starts_with("the clean run's prob is not finite in Iteration 2: float16"), "{baseline}");
        results.manifest = r#"{"model":{"dtype":"float32"}}"#.to_owned();
        assert_eq!(NotFinite::of(&results).count().map(|count| count.cause), Some(Cause::Weights));
    }

    #[test]
    fn a_baseline_that_failed_or_is_pending_is_not_taken_for_one_that_overflowed() {
        let results = example_with_failures();
        assert!(results.clean[0].mean[1].is_nan() && NotFinite::of(&results).of_baselines().is_empty());
    }
}
