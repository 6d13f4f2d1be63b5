//! Scores on their way to becoming tensors.

use std::ops::Range;

use patchsweep_proto::grid::Grid;
use patchsweep_proto::moments::Moments;
use patchsweep_proto::results::{GridScores, STATUS_COMPUTED, STATUS_NOOP, STATUS_NOT_FINITE};
use patchsweep_proto::scores::CellScore;
use patchsweep_proto::tile::BASELINE_CELLS;

use super::{CLEAN, CORRUPTED};

/// The unpatched metrics \[iterations, runs, metrics\].
pub(super) struct Baselines {
    metrics: usize,
    values: Vec<Moments>,
}

/// Scores of one grid \[iterations, cells, metrics\].
pub(super) struct GridTensor {
    cells: u32,
    metrics: usize,
    scores: Vec<CellScore>,
    /// Whether a tile computes the cell \[iterations, cells\].
    computed: Vec<bool>,
}

impl Baselines {
    pub(super) fn new(iterations: usize, metrics: usize) -> Self {
        Self { metrics, values: vec![Moments::default(); iterations * BASELINE_CELLS * metrics] }
    }

    /// Adds the scores of a run over more prompts \[metrics\].
    pub(super) fn merge(&mut self, iteration: usize, run: usize, row: &[CellScore]) {
        let first = (iteration * BASELINE_CELLS + run) * self.metrics;
        for (value, new) in self.values[first..].iter_mut().zip(row) {
            *value = value.merge(new.value);
        }
    }

    /// A run under one metric \[iterations\].
    pub(super) fn of(&self, run: usize, metric: usize) -> impl Iterator<Item = Moments> {
        self.values.iter().skip(run * self.metrics + metric).step_by(BASELINE_CELLS * self.metrics).copied()
    }
}

impl GridTensor {
    pub(super) fn new(grid: &Grid, iterations: usize, metrics: usize) -> Self {
        let cells = grid.extents().into_iter().product();
        let places = iterations * cells as usize;
        Self { cells, metrics, scores: vec![CellScore::default(); places * metrics], computed: vec![false; places] }
    }

    /// Cells of an iteration.
    pub(super) fn cells(&self) -> u32 {
        self.cells
    }

    /// Adds the scores of a cell over more prompts \[metrics\], where its tile is in.
    pub(super) fn compute(&mut self, iteration: usize, cell: u32, row: Option<&[CellScore]>) {
        let place = self.place(iteration, cell);
        self.computed[place] = true;
        if let Some(row) = row {
            self.merge(iteration, cell, row);
        }
    }

    /// Adds the scores of the unpatched run to cells that cannot change them.
    pub(super) fn leave(&mut self, iteration: usize, cells: Range<u32>, untouched: &[CellScore]) {
        for cell in cells {
            self.merge(iteration, cell, untouched);
        }
    }

    fn merge(&mut self, iteration: usize, cell: u32, row: &[CellScore]) {
        let first = self.place(iteration, cell) * self.metrics;
        for (score, new) in self.scores[first..].iter_mut().zip(row) {
            *score = score.merge(*new);
        }
    }

    fn place(&self, iteration: usize, cell: u32) -> usize {
        iteration * self.cells as usize + cell as usize
    }

    /// The tensors under one metric; `baselines`: given if it is normalized.
    pub(super) fn scores(&self, grid: &Grid, metric: usize, baselines: Option<&Baselines>) -> GridScores {
        let cells = || self.scores.iter().skip(metric).step_by(self.metrics);
        GridScores {
            metric,
            grid: grid.name.clone(),
            component: grid.component.name().to_owned(),
            axes: grid.axes.iter().map(|axis| axis.name().to_owned()).collect(),
            indices: grid.axes.iter().map(|&axis| grid.indices(axis).to_vec()).collect(),
            effect: cells().map(|score| to_f32(mean(score.effect))).collect(),
            value: cells().map(|score| to_f32(mean(score.value))).collect(),
            normalized: baselines.map_or_else(Vec::new, |baselines| self.normalized(metric, baselines)),
            stderr: cells().map(|score| to_f32(score.effect.standard_error())).collect(),
            count: cells().map(|score| score.value.count).collect(),
            status: cells().zip(&self.computed).map(|(score, &computed)| status(score, computed)).collect(),
        }
    }

    /// Where the patched metric lies between the corrupted one, 0, and the clean one, 1.
    fn normalized(&self, metric: usize, baselines: &Baselines) -> Vec<f32> {
        let runs = baselines.of(CLEAN, metric).zip(baselines.of(CORRUPTED, metric));
        let by_iteration = self.scores.chunks(self.cells as usize * self.metrics).zip(runs);
        let normalize = |(scores, (clean, corrupted)): (&[CellScore], (Moments, Moments))| {
            let (clean, corrupted) = (mean(clean), mean(corrupted));
            let range = clean - corrupted;
            let range = if range == 0.0 { f64::NAN } else { range };
            let cells = scores.iter().skip(metric).step_by(self.metrics);
            cells.map(|score| to_f32((mean(score.value) - corrupted) / range)).collect::<Vec<_>>()
        };
        by_iteration.flat_map(normalize).collect()
    }
}

fn status(score: &CellScore, computed: bool) -> u32 {
    let finite = mean(score.value).is_finite() && mean(score.effect).is_finite();
    match (computed, finite) {
        (false, _) => STATUS_NOOP,
        (true, true) => STATUS_COMPUTED,
        (true, false) => STATUS_NOT_FINITE,
    }
}

/// NaN where nothing was merged.
pub(super) fn mean(moments: Moments) -> f64 {
    if moments.count == 0 { f64::NAN } else { moments.mean }
}

/// Results are float32 by contract; the sums behind them are float64.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn to_f32(number: f64) -> f32 {
    number as f32
}
