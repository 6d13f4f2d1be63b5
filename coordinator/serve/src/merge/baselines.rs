//! Clean and corrupted run on their way to becoming tensors: what there is of them beside their means.

use patchsweep_core::moments::Moments;
use patchsweep_core::results::Baseline;
use patchsweep_core::tile::BASELINE_CELLS;

use super::pool::running_mean;
use super::sums::to_f32;

/// Of one of the spec's iterations, over its replicates so far.
#[derive(Debug)]
pub(super) struct Baselines {
    /// Means of the replicates' second moments between prompts \[runs, metrics\].
    within: Vec<f64>,
    /// The metric on each prompt, added up over the replicates \[runs, metrics, prompts\]; empty where it is not kept.
    by_prompt: Vec<f64>,
}

impl Baselines {
    /// `kept`: prompts of which each is kept, all or none.
    pub(super) fn new(metrics: usize, kept: usize) -> Self {
        let runs = BASELINE_CELLS * metrics;
        Self { within: vec![0.0; runs], by_prompt: vec![0.0; runs * kept] }
    }

    /// Adds the metrics on some prompts \[runs, metrics, prompts\], and where these stand among all.
    pub(super) fn keep(&mut self, by_prompt: &[f32], places: &[usize]) {
        let kept = self.by_prompt.len() / self.within.len();
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
    pub(super) fn leave_replicate(&mut self, moments: &[Moments], before: u64) {
        for (within, new) in self.within.iter_mut().zip(moments) {
            *within = running_mean(*within, before, new.m2);
        }
    }

    /// Puts the iteration behind those before it, under each metric of a run, and forgets it once both runs are.
    ///
    /// `means` \[metrics\]; `prompts`: of each replicate; 0 where the metric of some is not known.
    pub(super) fn move_to(
        &mut self,
        run: usize,
        tensors: &mut [Baseline],
        means: &[f64],
        prompts: u64,
        replicates: u64,
    ) {
        let (metrics, kept) = (tensors.len(), self.by_prompt.len() / self.within.len());
        for (metric, (tensors, &mean)) in tensors.iter_mut().zip(means).enumerate() {
            let of_run = run * metrics + metric;
            let sums = &mut self.by_prompt[of_run * kept..][..kept];
            let of_replicates = |&sum: &f64| if prompts == 0 { f32::NAN } else { to_f32(sum / to_f64(replicates)) };
            let by_prompt: Vec<f32> = sums.iter().map(of_replicates).collect();
            sums.fill(0.0);
            // As of effects: where each prompt is kept, those of its means over the replicates.
            let m2 = match by_prompt.as_slice() {
                [_, ..] if replicates > 1 => {
                    Moments::of(&by_prompt.iter().copied().map(f64::from).collect::<Vec<_>>()).m2
                }
                _ => self.within[of_run],
            };
            tensors.mean.push(to_f32(mean));
            tensors.stderr.push(to_f32(Moments { count: prompts, mean, m2 }.standard_error()));
            tensors.per_prompt.extend(by_prompt);
        }
    }
}

/// Replicates are few.
#[allow(clippy::cast_precision_loss)]
fn to_f64(count: u64) -> f64 {
    count as f64
}
