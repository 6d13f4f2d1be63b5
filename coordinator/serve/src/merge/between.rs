//! How the clean and the corrupted run differ between prompts: standard errors of their means, and the metric on each.

use patchsweep_core::moments::Moments;
use patchsweep_core::results::Baseline;
use patchsweep_core::tile::BASELINE_CELLS;

use super::pool::{running_mean, to_f64};
use super::sums::to_f32;

/// Of one of the spec's iterations, over its replicates so far.
#[derive(Debug)]
pub(super) struct BetweenPrompts {
    /// Means of the replicates' second moments \[runs, metrics\].
    within: Vec<f64>,
    /// The metric on each prompt, added up over the replicates \[runs, metrics, prompts\]; empty where it is not kept.
    by_prompt: Vec<f64>,
}

impl BetweenPrompts {
    /// `kept`: prompts of which each is kept, all or none.
    pub(super) fn new(metrics: usize, kept: usize) -> Self {
        let runs = BASELINE_CELLS * metrics;
        Self { within: vec![0.0; runs], by_prompt: vec![0.0; runs * kept] }
    }

    /// Adds the metrics on some prompts \[runs, metrics, prompts\], and where these stand among all.
    pub(super) fn keep(&mut self, by_prompt: &[f32], places: &[usize]) {
        let kept = self.kept();
        if kept == 0 {
            return;
        }
        for (all, new) in self.by_prompt.chunks_mut(kept).zip(by_prompt.chunks(places.len())) {
            places.iter().zip(new).for_each(|(&place, &metric)| all[place] += f64::from(metric));
        }
    }

    /// A replicate has come to its end.
    ///
    /// `moments`: of all its prompts \[runs, metrics\]; `before`: replicates behind it.
    pub(super) fn end_replicate(&mut self, moments: &[Moments], before: u64) {
        for (within, new) in self.within.iter_mut().zip(moments) {
            *within = running_mean(*within, before, new.m2);
        }
    }

    /// Writes an iteration of a run under one metric, whose mean is there, and forgets it.
    ///
    /// `place`: among runs and metrics; `prompts`: of each replicate; 0 where the metric of some is not known.
    pub(super) fn write(
        &mut self,
        place: usize,
        tensors: &mut Baseline,
        iteration: usize,
        prompts: u64,
        replicates: u64,
    ) {
        let kept = self.kept();
        let sums = &mut self.by_prompt[place * kept..][..kept];
        let of_replicates = |&sum: &f64| if prompts == 0 { f32::NAN } else { to_f32(sum / to_f64(replicates)) };
        let by_prompt: Vec<f32> = sums.iter().map(of_replicates).collect();
        sums.fill(0.0);
        // As of effects: where each prompt is kept, those of its means over the replicates.
        let m2 = match by_prompt.as_slice() {
            [_, ..] if replicates > 1 => Moments::of(&by_prompt.iter().copied().map(f64::from).collect::<Vec<_>>()).m2,
            _ => self.within[place],
        };
        let moments = Moments { count: prompts, mean: tensors.mean[iteration].into(), m2 };
        tensors.stderr[iteration] = to_f32(moments.standard_error());
        tensors.per_prompt[iteration * kept..][..kept].copy_from_slice(&by_prompt);
    }

    fn kept(&self) -> usize {
        self.by_prompt.len() / self.within.len()
    }
}
