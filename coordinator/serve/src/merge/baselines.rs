//! The clean and the corrupted run: of the iteration in hand, and of its replicates before.

use patchsweep_core::context::SweepContext;
use patchsweep_core::moments::Moments;
use patchsweep_core::results::CellStatus;
use patchsweep_core::scores::TileScores;
use patchsweep_core::tile::BASELINE_CELLS;

use super::Merged;
use super::between::BetweenPrompts;
use super::pool::running_mean;
use super::range::LeastRanges;
use super::sums::{Ends, Missing, to_f32};

/// Places of the cells of a baseline tile.
pub(super) const CLEAN: usize = 0;
pub(super) const CORRUPTED: usize = 1;

/// Baselines so far.
#[derive(Debug)]
pub(super) struct Baselines {
    /// Of the iteration in hand \[runs, metrics\].
    sums: Vec<Moments>,
    /// Why one of them is missing.
    missing: Option<Missing>,
    /// Replicates that have ended.
    replicates: u64,
    /// Their means \[metrics\].
    ends: Vec<Ends>,
    /// Why a baseline of theirs is missing.
    missing_in_replicates: Option<Missing>,
    between: BetweenPrompts,
    /// Prompts of each replicate that has ended.
    prompts: u64,
    least_ranges: LeastRanges,
}

impl Baselines {
    pub(super) fn new(context: &SweepContext) -> Self {
        let metrics = context.metrics.len();
        Self {
            sums: vec![Moments::default(); BASELINE_CELLS * metrics],
            missing: None,
            replicates: 0,
            ends: vec![Ends::UNKNOWN; metrics],
            missing_in_replicates: None,
            between: BetweenPrompts::new(metrics, context.kept_prompts() as usize),
            prompts: 0,
            least_ranges: LeastRanges::of(context),
        }
    }

    /// Adds those over one more range of prompts, which stand at these places among all.
    pub(super) fn add(&mut self, scores: Result<&TileScores, Missing>, places: &[usize]) {
        match scores {
            Ok(scores) => {
                for (sum, new) in self.sums.iter_mut().zip(&scores.scores) {
                    *sum = sum.merge(new.value);
                }
                self.between.keep(&scores.by_prompt, places);
            }
            Err(missing) => self.missing = self.missing.max(Some(missing)),
        }
    }

    /// Adds the iteration in hand to its replicates, whose means \[metrics\] so far it gives.
    pub(super) fn end_iteration(&mut self) -> Vec<Ends> {
        let (clean, corrupted) = self.sums.split_at(self.ends.len());
        for (metric, (ends, (&clean, &corrupted))) in self.ends.iter_mut().zip(clean.iter().zip(corrupted)).enumerate()
        {
            let new = if self.missing.is_some() { [f64::NAN; 2] } else { [mean(clean), mean(corrupted)] };
            let [clean, corrupted] = [(ends.clean, new[0]), (ends.corrupted, new[1])]
                .map(|(before, new)| running_mean(before, self.replicates, new));
            *ends = Ends { clean, corrupted, rounding: self.least_ranges.rounding(metric, clean, corrupted) };
        }
        self.between.end_replicate(&self.sums, self.replicates);
        self.prompts = self.sums[0].count;
        self.sums.fill(Moments::default());
        self.missing_in_replicates = self.missing_in_replicates.max(self.missing.take());
        self.replicates += 1;
        self.ends.clone()
    }

    /// Writes one of the spec's iterations over all replicates, the last of which has ended.
    pub(super) fn end_replicates(&mut self, iteration: usize, merged: &mut Merged) {
        let missing = self.missing_in_replicates.take();
        // A check computes none.
        let prompts = if missing.is_none() { self.prompts } else { 0 };
        let metrics = self.ends.len();
        for (metric, ends) in self.ends.iter().enumerate() {
            let runs = [(CLEAN, &mut merged.clean, ends.clean), (CORRUPTED, &mut merged.corrupted, ends.corrupted)];
            for (run, tensors, mean) in runs {
                let tensors = &mut tensors[metric];
                tensors.mean[iteration] = to_f32(mean);
                self.between.write(run * metrics + metric, tensors, iteration, prompts, self.replicates);
            }
        }
        self.replicates = 0;
        merged.baselines[iteration] = match missing {
            None => CellStatus::Computed,
            Some(Missing::Pending) => CellStatus::Pending,
            Some(Missing::Failed) => CellStatus::Failed,
        };
    }
}

/// NaN where nothing was merged.
fn mean(moments: Moments) -> f64 {
    if moments.count == 0 { f64::NAN } else { moments.mean }
}
