//! Scores as heat maps: which cell lies where, what is known of it, and what it is painted with.

mod cell;
mod palette;
mod sheet;

use std::collections::HashSet;

use patchsweep_core::results::{CellStatus, GridScores, SweepResults};

pub(super) use cell::Known;
pub(super) use palette::{Depth, Palette};
use patchsweep_results::cell_label;
pub(super) use sheet::{Sheet, Side};

/// The scores that there are by now.
#[derive(Clone, Debug)]
pub(super) struct Scores {
    results: SweepResults,
    /// Distinct, in the order of the spec.
    names: Vec<String>,
    /// Of each of the results' grids.
    maps: Vec<Layout>,
}

#[derive(Clone, Debug)]
struct Layout {
    sheet: Sheet,
    /// Statuses of its cells in any iteration.
    statuses: HashSet<CellStatus>,
    /// Largest magnitude over all iterations, so that they compare.
    range: f32,
}

/// One grid under one metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeatMap<'a> {
    results: &'a SweepResults,
    scores: &'a GridScores,
    layout: &'a Layout,
}

impl Scores {
    pub(super) fn of(results: SweepResults) -> Self {
        let mut names: Vec<String> = Vec::new();
        for scores in &results.grids {
            if !names.contains(&scores.grid) {
                names.push(scores.grid.clone());
            }
        }
        let maps = results.grids.iter().map(|scores| Layout {
            sheet: Sheet::of(scores),
            statuses: scores.status.iter().copied().collect(),
            range: range(scores),
        });
        Self { names, maps: maps.collect(), results }
    }

    /// Grids.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn metrics(&self) -> &[String] {
        &self.results.metrics
    }

    /// Labels.
    pub(super) fn iterations(&self) -> &[String] {
        &self.results.iteration_labels
    }

    /// A grid under a metric, by their places.
    pub(super) fn map(&self, grid: usize, metric: usize) -> Option<HeatMap<'_>> {
        let name = self.names.get(grid)?;
        let mut places = self.results.grids.iter().zip(&self.maps);
        let (scores, layout) = places.find(|(scores, _)| scores.grid == *name && scores.metric == metric)?;
        Some(HeatMap { results: &self.results, scores, layout })
    }
}

impl<'a> HeatMap<'a> {
    pub(super) fn sheet(&self) -> &'a Sheet {
        &self.layout.sheet
    }

    /// Rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.sheet().rows.labels.len(), self.sheet().columns.labels.len())
    }

    /// Whether a cell has this status in some iteration.
    pub(super) fn has(&self, status: CellStatus) -> bool {
        self.layout.statuses.contains(&status)
    }

    /// The largest magnitude over all iterations; 1 where there is none.
    pub(super) fn range(&self) -> f32 {
        self.layout.range
    }

    /// What is known of a cell.
    pub(super) fn known(&self, iteration: usize, row: usize, column: usize) -> Known {
        let place = iteration * self.scores.cells() + self.sheet().cell(row, column);
        Known::of(self.scores, place)
    }

    /// A cell in words, with its score.
    pub(super) fn described(&self, iteration: usize, row: usize, column: usize) -> String {
        let cell = self.sheet().cell(row, column);
        let places = self.scores.places(cell);
        let indices: Vec<u32> = places.iter().zip(&self.scores.indices).map(|(&place, all)| all[place]).collect();
        let label = cell_label(self.scores, &indices, &self.results.token_labels);
        let place = iteration * self.scores.cells() + cell;
        format!("{label}: {}", Known::of(self.scores, place).described(self.scores.stderr[place]))
    }
}

fn range(scores: &GridScores) -> f32 {
    let magnitudes = scores.effect.iter().map(|effect| effect.abs()).filter(|effect| effect.is_finite());
    let largest = magnitudes.fold(0.0, f32::max);
    if largest > 0.0 { largest } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use patchsweep_results::fixtures::example;

    use super::*;

    #[test]
    fn a_grid_is_found_under_each_metric_and_its_range_is_that_of_all_iterations() {
        let mut results = example();
        results.grids[0].effect[95] = -7.5;
        let scores = Scores::of(results);
        assert_eq!(scores.names(), ["resid_pre", "z"]);
        let range = |grid, metric| scores.map(grid, metric).expect("a map").range();
        assert!((range(0, 0) - 7.5).abs() < f32::EPSILON && range(0, 1) < 7.0);
        assert_eq!(scores.map(0, 1).expect("a map").scores.metric, 1);
        assert!(scores.map(2, 0).is_none() && scores.map(0, 2).is_none());
    }

    #[test]
    fn a_cell_is_described_in_words_with_what_is_known_of_it() {
        let mut results = example();
        let grid = &mut results.grids[0];
        (grid.effect[3 * 8 + 4], grid.stderr[3 * 8 + 4]) = (-1.25, 0.0625);
        grid.status[1] = CellStatus::NoOp;
        grid.status[32] = CellStatus::Pending;
        let scores = Scores::of(results);
        let map = scores.map(0, 0).expect("a map");
        assert_eq!(map.described(0, 3, 4), "layer 3, pos 4 (\" Officer\"): -1.250 ± 0.062");
        assert_eq!(map.described(0, 0, 1), "layer 0, pos 1 (\"The\"): 0, a no-op: the patch cannot change the score");
        assert_eq!(map.described(1, 0, 0), "layer 0, pos 0 (\"<|endoftext|>\"): not computed yet");
        assert_eq!(
            map.described(0, 2, 1),
            "layer 2, pos 1 (\"The\"): computed, but not a finite number: arithmetic overflowed"
        );
    }
}
