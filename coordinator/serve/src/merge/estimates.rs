//! Estimates on their way to becoming tensors: one grid that is estimated.

use patchsweep_core::results::GridScores;
use patchsweep_core::scores::CellScore;

use super::pool::running_mean;
use super::sums::{Fate, GridSums, Missing, Sum, to_f32};

/// Estimates of one grid over the prompts and replicates so far.
#[derive(Debug)]
pub(super) struct Estimates {
    metrics: usize,
    /// Of the iteration in hand; the effects in them are estimated ones.
    sums: GridSums,
    replicates: u64,
    /// Of the replicates before \[cells, metrics\]; none before the first.
    means: Vec<f64>,
    /// What became of each cell in these.
    fates: Vec<Fate>,
}

impl Estimates {
    pub(super) fn new(cells: u32, metrics: usize) -> Self {
        let sums = GridSums::new(cells, metrics);
        Self { metrics, sums, replicates: 0, means: Vec::new(), fates: Vec::new() }
    }

    /// The cells up to another one are in no tile: nothing changes them.
    ///
    /// `before`: prompts in the sums.
    pub(super) fn fill_untouched(&mut self, cell: u32, before: u64, prompts: u64) {
        let nothing = vec![CellScore::nothing(prompts); self.metrics];
        self.sums.fill_untouched(cell, Ok(&nothing), before);
    }

    /// The next cell \[metrics\].
    pub(super) fn add(&mut self, row: Result<&[CellScore], Missing>, before: u64) {
        self.sums.compute(row, before);
    }

    /// The range of prompts in hand has come to its end.
    pub(super) fn end_section(&mut self, before: u64, prompts: u64) {
        self.fill_untouched(self.sums.cells(), before, prompts);
        self.sums.rewind();
    }

    /// Adds the iteration in hand to its replicates.
    pub(super) fn end_iteration(&mut self) {
        let (sums, fates) = self.sums.take();
        if self.replicates == 0 {
            self.means = vec![0.0; sums.len()];
            self.fates = vec![Fate::default(); fates.len()];
        }
        for (mean, Sum { effect_mean, .. }) in self.means.iter_mut().zip(&sums) {
            *mean = running_mean(*mean, self.replicates, *effect_mean);
        }
        self.fates.iter_mut().zip(fates).for_each(|(fate, new)| *fate = new.max(*fate));
        self.replicates += 1;
    }

    /// Writes the replicates' means into an iteration's part of the tensors under each metric, and forgets them.
    pub(super) fn move_to(&mut self, tensors: &mut [GridScores], iteration: usize) {
        for scores in tensors {
            let means = self.means.iter().skip(scores.metric).step_by(self.metrics);
            let begin = iteration * self.fates.len();
            for (place, (&mean, fate)) in scores.estimate[begin..].iter_mut().zip(means.zip(&self.fates)) {
                *place = if fate.has_no_score() { f32::NAN } else { to_f32(mean) };
            }
        }
        (self.means, self.fates, self.replicates) = (Vec::new(), Vec::new(), 0);
    }
}
