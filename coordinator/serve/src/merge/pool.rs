//! One grid over the replicates of an iteration: the same prompts, corrupted differently each time.

use patchsweep_core::moments::Moments;
use patchsweep_core::results::GridScores;

use super::sums::{Ends, Fate, GridSums, Sum, status, to_f32};

/// Scores of one grid over the replicates so far \[cells, metrics\].
#[derive(Debug)]
pub(super) struct Pool {
    metrics: usize,
    /// How many.
    replicates: u64,
    /// None before the first replicate.
    cells: Vec<Pooled>,
    /// What became of each cell: of its replicates, whatever outweighs the others.
    fates: Vec<Fate>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pooled {
    /// Mean of the patched metric.
    value: f64,
    /// The replicates' mean effects.
    effect: Moments,
    /// Mean of the replicates' second moments of the effect between prompts.
    within: f64,
}

impl Pool {
    pub(super) fn new(metrics: usize) -> Self {
        Self { metrics, replicates: 0, cells: Vec::new(), fates: Vec::new() }
    }

    /// Adds a replicate, whose sums it takes.
    pub(super) fn add(&mut self, sums: &mut GridSums) {
        let (sums, fates) = sums.take();
        if self.replicates == 0 {
            self.cells = vec![Pooled::default(); sums.len()];
            self.fates.clone_from(&fates);
        }
        for (cell, new) in self.cells.iter_mut().zip(&sums) {
            cell.add(new, self.replicates);
        }
        for (fate, new) in self.fates.iter_mut().zip(fates) {
            *fate = new.max(*fate);
        }
        self.replicates += 1;
    }

    /// Turns an iteration's scores into its part of the tensors under each metric, and forgets them.
    ///
    /// `prompts`: of each replicate; `ends` \[metrics\].
    pub(super) fn move_to(&mut self, tensors: &mut [GridScores], iteration: usize, prompts: u64, ends: &[Ends]) {
        for (scores, ends) in tensors.iter_mut().zip(ends) {
            let begin = iteration * self.fates.len();
            let cells = self.cells.iter().skip(scores.metric).step_by(self.metrics);
            let decided = |(_, (_, fate)): &(usize, (&Pooled, &Fate))| **fate != Fate::Elsewhere;
            for (place, (cell, &fate)) in (begin..).zip(cells.zip(&self.fates)).filter(decided) {
                cell.write(fate, scores, place, prompts, ends);
            }
        }
        *self = Self::new(self.metrics);
    }
}

impl Pooled {
    fn add(&mut self, new: &Sum, before: u64) {
        self.value = running_mean(self.value, before, new.value_mean);
        self.within = running_mean(self.within, before, new.effect_m2);
        self.effect = self.effect.merge(Moments { count: 1, mean: new.effect_mean, m2: 0.0 });
    }

    fn write(&self, fate: Fate, scores: &mut GridScores, place: usize, prompts: u64, ends: &Ends) {
        let nan = f64::NAN;
        let unknown = Self { value: nan, effect: Moments { count: 0, mean: nan, m2: nan }, within: nan };
        let (cell, count) = if fate.has_no_score() { (&unknown, 0) } else { (self, prompts) };
        scores.effect[place] = to_f32(cell.effect.mean);
        scores.value[place] = to_f32(cell.value);
        scores.count[place] = count;
        scores.status[place] = status(fate, cell.value, cell.effect.mean);
        scores.between[place] = to_f32(cell.between());
        scores.stderr[place] = to_f32(cell.between_prompts(scores, place, count).standard_error());
        ends.write(cell.value, scores, place);
    }

    /// Standard deviation between the replicates' mean effects.
    fn between(&self) -> f64 {
        // Of one replicate this would be 0 / 0, too.
        (self.effect.m2 / (to_f64(self.effect.count) - 1.0)).sqrt()
    }

    /// Moments of the effect between prompts.
    ///
    /// Where the effects on each prompt are kept (their sums over the replicates, which become means here), those of these
    /// means. Otherwise with the mean second moment of the replicates: never less, because averaging each prompt over the
    /// replicates can only bring the prompts nearer to each other.
    fn between_prompts(&self, scores: &mut GridScores, place: usize, count: u64) -> Moments {
        let prompts = scores.per_prompt.len() / scores.effect.len();
        if prompts == 0 {
            return Moments { count, mean: self.effect.mean, m2: self.within };
        }
        let kept = &mut scores.per_prompt[place * prompts..][..prompts];
        for effect in &mut *kept {
            *effect = if count == 0 { f32::NAN } else { to_f32(f64::from(*effect) / to_f64(self.effect.count)) };
        }
        Moments::of(&kept.iter().copied().map(f64::from).collect::<Vec<_>>())
    }
}

/// Equal numbers keep their bits.
pub(super) fn running_mean(mean: f64, before: u64, new: f64) -> f64 {
    Moments { count: before, mean, m2: 0.0 }.merge(Moments { count: 1, mean: new, m2: 0.0 }).mean
}

/// Replicates are few.
#[allow(clippy::cast_precision_loss)]
pub(super) fn to_f64(count: u64) -> f64 {
    count as f64
}
