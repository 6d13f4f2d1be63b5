//! Scores on their way to becoming tensors: one grid in one iteration.

use std::ops::Range;

use patchsweep_core::moments::Moments;
use patchsweep_core::results::{CellStatus, GridScores};
use patchsweep_core::scores::CellScore;

/// Scores of one grid over the prompts so far \[cells, metrics\].
///
/// Only what tensors are made of: the number of prompts is the same for all cells.
#[derive(Debug)]
pub(super) struct GridSums {
    metrics: usize,
    cells: u32,
    /// None before the iteration's first tile.
    sums: Vec<Sum>,
    /// What became of each cell.
    fates: Vec<Fate>,
    /// The first cell that the range of prompts in hand has not reached.
    next: usize,
}

/// Sums go and tensors come by so many cells, so that there are never both of all of them.
const AT_ONCE: usize = 1 << 16;

/// Mean clean and corrupted metric of an iteration; NaN: not known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) clean: f64,
    pub(super) corrupted: f64,
    /// What is not more than this between them is none.
    pub(super) rounding: f64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) value_mean: f64,
    pub(super) effect_mean: f64,
    pub(super) effect_m2: f64,
}

/// Why there are no scores over some prompts; a later one outweighs those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    /// They are not computed yet.
    Pending,
    /// The tile was given up.
    Failed,
}

/// What became of a cell over the prompts so far; a later one outweighs those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// In no tile.
    #[default]
    Untouched,
    /// Decided by other tiles: by those before, of a cell that is not chosen, and by those behind, of one that is.
    Elsewhere,
    /// In no tile but one that estimates it.
    NotDrawn,
    /// In a tile.
    Computed,
    /// In a tile that is still to be computed, or in none where what it would have is still to be known.
    Pending,
    /// In a tile that was given up, or in none where what it would have is not known.
    Failed,
}

impl Fate {
    pub(super) fn has_no_score(self) -> bool {
        matches!(self, Self::Elsewhere | Self::NotDrawn | Self::Pending | Self::Failed)
    }
}

impl GridSums {
    pub(super) fn new(cells: u32, metrics: usize) -> Self {
        Self { metrics, cells, sums: Vec::new(), fates: Vec::new(), next: 0 }
    }

    /// Cells of the grid.
    pub(super) fn cells(&self) -> u32 {
        self.cells
    }

    /// Adds the unpatched run's scores \[metrics\] to the cells up to another one, which cannot change them, and gives these.
    ///
    /// `before`: prompts in the sums.
    pub(super) fn fill_untouched(
        &mut self,
        cell: u32,
        untouched: Result<&[CellScore], Missing>,
        before: u64,
    ) -> Range<usize> {
        let first = self.next;
        while self.next < cell as usize {
            self.add(untouched, Fate::Untouched, before);
        }
        first..self.next
    }

    /// The next cell is estimated, and its effect is not computed. Why there is no estimate stands where its effect's status does.
    pub(super) fn estimate(&mut self, estimate: Result<(), Missing>, before: u64) {
        self.add(estimate.map(|()| [].as_slice()), Fate::NotDrawn, before);
    }

    /// Other tiles decide the cells up to another one.
    pub(super) fn skip_until(&mut self, cell: u32, before: u64) {
        while self.next < cell as usize {
            self.add(Ok(&[]), Fate::Elsewhere, before);
        }
    }

    /// Adds the scores of the next cell \[metrics\].
    pub(super) fn compute(&mut self, row: Result<&[CellScore], Missing>, before: u64) {
        self.add(row, Fate::Computed, before);
    }

    fn add(&mut self, row: Result<&[CellScore], Missing>, fate: Fate, before: u64) {
        if self.fates.is_empty() {
            let cells = self.cells as usize;
            self.sums = vec![Sum::default(); cells * self.metrics];
            self.fates = vec![Fate::default(); cells];
        }
        let place = self.next;
        self.next += 1;
        let fate = match row {
            Ok(_) => fate,
            Err(Missing::Pending) => Fate::Pending,
            Err(Missing::Failed) => Fate::Failed,
        };
        self.fates[place] = self.fates[place].max(fate);
        let sums = &mut self.sums[place * self.metrics..][..self.metrics];
        for (sum, new) in sums.iter_mut().zip(row.unwrap_or_default()) {
            // Moments of the value beyond the mean are in no tensor.
            sum.value_mean = Moments { count: before, mean: sum.value_mean, m2: 0.0 }.merge(new.value).mean;
            let effect = sum.effect(before).merge(new.effect);
            (sum.effect_mean, sum.effect_m2) = (effect.mean, effect.m2);
        }
    }

    /// Goes back to the first cell, for the next range of prompts.
    pub(super) fn rewind(&mut self) {
        self.next = 0;
    }

    /// Gives the sums \[cells, metrics\] and fates \[cells\] away, and starts anew.
    pub(super) fn take(&mut self) -> (Vec<Sum>, Vec<Fate>) {
        self.next = 0;
        (std::mem::take(&mut self.sums), std::mem::take(&mut self.fates))
    }

    /// Turns an iteration's sums into its part of the tensors under each metric, and forgets them. From the end on, because
    /// that is where a list gives back its memory.
    ///
    /// `ends` \[metrics\].
    pub(super) fn move_to(&mut self, tensors: &mut [GridScores], iteration: usize, prompts: u64, ends: &[Ends]) {
        while !self.fates.is_empty() {
            let first = (self.fates.len() - 1) / AT_ONCE * AT_ONCE;
            for (scores, ends) in tensors.iter_mut().zip(ends) {
                let sums = self.sums[first * self.metrics..].iter().skip(scores.metric).step_by(self.metrics);
                let begin = iteration * self.cells as usize + first;
                write(sums.zip(&self.fates[first..]), scores, begin, prompts, ends);
            }
            self.sums.truncate(first * self.metrics);
            self.sums.shrink_to_fit();
            self.fates.truncate(first);
        }
        self.next = 0;
    }
}

fn write<'a>(
    sums: impl Iterator<Item = (&'a Sum, &'a Fate)>,
    scores: &mut GridScores,
    begin: usize,
    prompts: u64,
    ends: &Ends,
) {
    for (place, (sum, &fate)) in (begin..).zip(sums).filter(|(_, (_, fate))| **fate != Fate::Elsewhere) {
        let unknown = Sum { value_mean: f64::NAN, effect_mean: f64::NAN, effect_m2: f64::NAN };
        let (sum, count) = if fate.has_no_score() { (&unknown, 0) } else { (sum, prompts) };
        scores.effect[place] = to_f32(sum.effect_mean);
        scores.value[place] = to_f32(sum.value_mean);
        scores.stderr[place] = to_f32(sum.effect(count).standard_error());
        scores.count[place] = count;
        scores.status[place] = status(fate, sum.value_mean, sum.effect_mean);
        if fate.has_no_score() {
            forget_prompts(scores, place);
        }
        ends.write(sum.value_mean, scores, place);
    }
}

impl Sum {
    fn effect(&self, count: u64) -> Moments {
        Moments { count, mean: self.effect_mean, m2: self.effect_m2 }
    }
}

/// `value`, `effect`: means.
pub(super) fn status(fate: Fate, value: f64, effect: f64) -> CellStatus {
    let is_finite = to_f32(value).is_finite() && to_f32(effect).is_finite();
    match fate {
        Fate::Untouched | Fate::Computed if !is_finite => CellStatus::NotFinite,
        Fate::Untouched => CellStatus::NoOp,
        Fate::Elsewhere | Fate::NotDrawn => CellStatus::NotDrawn,
        Fate::Computed => CellStatus::Computed,
        Fate::Pending => CellStatus::Pending,
        Fate::Failed => CellStatus::Failed,
    }
}

/// A cell without a score has no effects on the prompts of its other tiles either.
fn forget_prompts(scores: &mut GridScores, place: usize) {
    let prompts = scores.per_prompt.len() / scores.effect.len();
    scores.per_prompt[place * prompts..][..prompts].fill(f32::NAN);
}

impl Ends {
    pub(super) const UNKNOWN: Self = Self { clean: f64::NAN, corrupted: f64::NAN, rounding: 0.0 };

    /// Writes where a patched metric lies between them, of metrics that are normalized.
    pub(super) fn write(&self, value: f64, scores: &mut GridScores, place: usize) {
        if let Some(normalized) = scores.normalized.get_mut(place) {
            *normalized = to_f32(self.normalize(value));
        }
    }

    /// Where a patched metric lies between the corrupted one, 0, and the clean one, 1.
    fn normalize(&self, value: f64) -> f64 {
        let range = self.clean - self.corrupted;
        let range = if range.abs() <= self.rounding { f64::NAN } else { range };
        (value - self.corrupted) / range
    }
}

/// Results are float32 by contract; the sums behind them are float64.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn to_f32(number: f64) -> f32 {
    number as f32
}
