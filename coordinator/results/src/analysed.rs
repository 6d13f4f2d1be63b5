//! Results with what follows from them: worked out once, for all their writers.

use patchsweep_core::results::{GridScores, SweepResults};

use super::tensors::{TensorError, tensors, with_statistics};
use crate::statistics::Statistics;

/// Results that do not contradict themselves, with the statistics of each grid.
///
/// Statistics by bootstrap take long, so every writer borrows these.
#[derive(Clone, Debug)]
pub struct Analysed<'a> {
    results: &'a SweepResults,
    /// \[grids\]
    statistics: Vec<Statistics>,
}

impl<'a> Analysed<'a> {
    /// Of a sweep, whole or so far. What this accepts may be indexed by its labels.
    pub fn of(results: &'a SweepResults) -> Result<Self, TensorError> {
        tensors(results)?;
        let analysed = Self { results, statistics: results.grids.iter().map(Statistics::of).collect() };
        with_statistics(&analysed)?;
        Ok(analysed)
    }

    /// What was analysed.
    #[must_use]
    pub fn results(&self) -> &'a SweepResults {
        self.results
    }

    /// All grids, in their order.
    pub fn grids(&self) -> impl Iterator<Item = (&'a GridScores, &Statistics)> {
        self.results.grids.iter().zip(&self.statistics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::{Compared, Difference};
    use crate::fixtures::example;
    use crate::statistics;
    use crate::{Overwrite, WriteOptions, report_html, top_cells, write_folder};

    #[test]
    fn each_grid_is_analysed_once_for_all_writers() {
        let results = example();
        let parent = tempfile::tempdir().expect("temporary folder");
        let before = statistics::made();
        let analysed = Analysed::of(&results).expect("consistent");
        let options = WriteOptions { overwrite: Overwrite::Refuse, csv: true };
        write_folder(&analysed, &parent.path().join("out"), options).expect("written");
        assert!(!report_html(&analysed, None).is_empty());
        for (scores, statistics) in analysed.grids() {
            assert_eq!(top_cells(scores, statistics, 0, 5).len(), 5);
        }
        assert_eq!(statistics::made() - before, results.grids.len());

        let difference = Difference::between(&results, &results).expect("consistent");
        let compared = Compared::of(&difference).expect("consistent");
        assert!(!report_html(&analysed, Some(&compared)).is_empty());
        assert_eq!(statistics::made() - before, 2 * results.grids.len(), "those of the differences beside them");
    }

    #[test]
    fn a_grid_named_like_a_statistic_of_another_is_refused() {
        let mut results = example();
        results.grids[0].grid = "z.low".to_owned();
        let error = Analysed::of(&results).expect_err("two tensors of one name");
        assert_eq!(error, TensorError::Duplicate { name: "z.low".to_owned() });
    }
}
