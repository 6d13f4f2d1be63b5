//! Which estimates are not there: they are NaN, and nothing overflowed.

use std::collections::BTreeSet;

use patchsweep_core::results::{CellStatus, GridScores, SweepResults};
use serde_json::Value;

/// The grids and iterations where estimates may be missing although the effect beside them was computed.
///
/// The status of a cell is that of its effect. `verify` computes effects whether the estimate is there or not, and a check
/// draws the two one without the other.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    /// What a check did not draw is NaN, and its report counts what it drew that is no number \[iterations\].
    is_check: Vec<bool>,
    /// Tiles were not computed yet, or more were given up than the manifest lists.
    are_unknown: bool,
    /// Where a tile of estimates was given up: names of grid and iteration.
    given_up: BTreeSet<(String, String)>,
    iterations: Vec<String>,
}

impl Missing {
    pub(super) fn of(results: &SweepResults, manifest: &Value) -> Self {
        let run = &manifest["run"];
        let failures = run["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let given_up = failures.iter().filter(|failure| failure["work"] == "estimate");
        let unlisted = run["tiles_failed"].as_u64().is_some_and(|failed| failed > failures.len() as u64);
        Self {
            is_check: results.baselines.iter().map(|&status| status == CellStatus::NotDrawn).collect(),
            are_unknown: unlisted || run["partial"].is_object(),
            given_up: given_up.filter_map(|failure| text(&failure["grid"]).zip(text(&failure["iteration"]))).collect(),
            iterations: results.iteration_labels.clone(),
        }
    }

    /// Whether an estimate that is no finite number is one that is not there.
    ///
    /// `status`: of its cell.
    pub(super) fn has(&self, scores: &GridScores, iteration: usize, status: CellStatus, estimate: f32) -> bool {
        match status {
            CellStatus::Failed | CellStatus::Pending => true,
            _ if !estimate.is_nan() => false,
            _ if self.is_check.get(iteration) == Some(&true) => true,
            // Its effect would have failed with the estimate, had nobody chosen it.
            CellStatus::NotDrawn | CellStatus::NoOp => false,
            CellStatus::Computed | CellStatus::NotFinite => self.are_unknown || self.is_given_up(scores, iteration),
        }
    }

    fn is_given_up(&self, scores: &GridScores, iteration: usize) -> bool {
        let label = self.iterations.get(iteration);
        self.given_up.iter().any(|(grid, iteration)| *grid == scores.grid && Some(iteration) == label)
    }
}

#[cfg(test)]
mod tests {
    use super::super::NotFinite;
    use super::*;
    use crate::fixtures::example;

    /// A sweep whose second grid is estimated: its first cells have no number for an estimate, and those of one iteration alone.
    fn estimated(status: CellStatus) -> SweepResults {
        let mut results = example();
        results.grids.remove(0);
        let scores = &mut results.grids[0];
        scores.estimate = vec![0.5; scores.effect.len()];
        scores.status.fill(status);
        scores.estimate[..4].fill(f32::NAN);
        scores.estimate[5] = f32::INFINITY;
        results
    }

    fn line(results: &SweepResults) -> Option<String> {
        NotFinite::of(results).of_estimates(&results.grids[0])
    }

    #[test]
    fn those_that_overflowed_are_counted_and_those_that_failed_or_are_pending_are_not() {
        let mut results = estimated(CellStatus::NotDrawn);
        let status = &mut results.grids[0].status;
        (status[1], status[2]) = (CellStatus::Failed, CellStatus::Pending);
        let said = line(&results).expect("some are not");
        assert!(said.starts_with("3 of 48 estimates are not finite: probably an overflow"), "{said}");
        let not_finite = NotFinite::of(&results);
        assert_eq!(not_finite.of_estimates(&results.grids[1]), None);
        let count = not_finite.count().expect("some are not");
        assert_eq!((count.cells, count.estimates, count.baselines), (0, 3, 0));
        assert!(count.to_string().starts_with("0 cells, 3 estimates and 0 baselines are not finite: "), "{count}");
    }

    #[test]
    fn what_a_check_did_not_draw_is_missing_whether_or_not_the_effect_was_drawn() {
        let mut results = estimated(CellStatus::NotDrawn);
        results.baselines.fill(CellStatus::NotDrawn);
        results.grids[0].status[0] = CellStatus::Computed;
        let said = line(&results).expect("an infinite one was drawn");
        assert!(said.starts_with("1 of 48 estimates are not finite"), "{said}");
        results.grids[0].estimate[5] = 0.5;
        assert_eq!((line(&results), NotFinite::of(&results).count().is_none()), (None, true));
    }

    #[test]
    fn a_verified_cell_whose_tile_of_estimates_was_given_up_has_none() {
        let counted = |run: &str| {
            let mut results = estimated(CellStatus::Computed);
            results.manifest = format!(r#"{{"model":{{"dtype":"float32"}},"run":{run}}}"#);
            line(&results).map(|line| line.split(' ').next().expect("a number").to_owned())
        };
        let given_up = |work: &str, grid: &str, iteration: &str| {
            counted(&format!(r#"{{"failures":[{{"work":"{work}","grid":"{grid}","iteration":"{iteration}"}}]}}"#))
        };
        assert_eq!(given_up("estimate", "z", "Iteration 0").as_deref(), Some("1"));
        let elsewhere =
            [("patch", "z", "Iteration 0"), ("estimate", "z", "Iteration 1"), ("estimate", "q", "Iteration 0")];
        for (work, grid, iteration) in elsewhere {
            assert_eq!(given_up(work, grid, iteration).as_deref(), Some("5"), "{work} {grid} {iteration}");
        }
        assert_eq!(counted(r#"{"tiles_failed":1,"failures":[]}"#).as_deref(), Some("1"), "not all are listed");
        assert_eq!(counted(r#"{"partial":{"tiles_pending":1}}"#).as_deref(), Some("1"), "some are not computed yet");
        assert_eq!(counted(r#"{"tiles_failed":0,"partial":null,"failures":[]}"#).as_deref(), Some("5"));
    }
}
