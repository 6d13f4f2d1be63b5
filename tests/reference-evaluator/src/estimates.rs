//! Estimates of effects, as their definition says them: how fast a metric changes where an activation begins to change.

use ndarray::{Array2, ArrayD};
use patchsweep_core::context::Direction;
use patchsweep_core::grid::{Cell, Component, PatchValue};
use patchsweep_core::writes::Write;

use crate::hooks::{New, Recording, patch};
use crate::{BruteForce, Run};

/// Half the distance of central differences. Their error is of the order of its square, and that of float64, 1e-16 of a metric,
/// divided by it: both far below what float32 can show. Smaller than the distance of nearly all numbers from where a ReLU, a
/// clip or a maximum turns.
const STEP: f64 = 1e-7;

impl BruteForce<'_> {
    /// The estimated effects of a cell of a grid that is estimated \[metrics\]\[prompts\].
    ///
    /// # Panics
    /// When the grid is not.
    #[must_use]
    pub fn estimated(&self, cell: &Cell<'_>) -> Vec<Vec<f64>> {
        let estimate = cell.grid().estimate.expect("a grid that is estimated");
        let write = cell.writes().next().expect("a cell writes");
        let site = if estimate.recompute_pattern { Component::Pattern } else { write.component };
        let changes: Vec<ArrayD<f64>> = (0..self.clean.len()).map(|prompt| self.change(prompt, &write, site)).collect();
        let points = estimate.gradients.points();
        let mut sums: Vec<Vec<f64>> = vec![vec![0.0; self.clean.len()]; self.context.metrics.len()];
        for along in &points {
            let [behind, before] = [STEP, -STEP].map(|step| {
                self.score(|prompt| self.moved(prompt, *along, (site, write.layer), &(step * &changes[prompt])))
            });
            for (sums, (behind, before)) in sums.iter_mut().zip(behind.iter().zip(&before)) {
                for (sum, (behind, before)) in sums.iter_mut().zip(behind.iter().zip(before)) {
                    #[allow(clippy::cast_precision_loss, reason = "few points")]
                    let count = points.len() as f64;
                    *sum += (behind - before) / (2.0 * STEP) / count;
                }
            }
        }
        sums
    }

    /// The run that is patched, and the other.
    fn pair(&self, prompt: usize) -> [&Run; 2] {
        match self.context.direction {
            Direction::Noising => [&self.clean[prompt], &self.corrupted[prompt]],
            Direction::Denoising => [&self.corrupted[prompt], &self.clean[prompt]],
        }
    }

    /// By how much a write changes a site in its layer: the activation that it writes, or the pattern that comes of it.
    fn change(&self, prompt: usize, write: &Write<'_>, site: Component) -> ArrayD<f64> {
        let [patched, other] = self.pair(prompt);
        let there = other.activations.get(write.component, write.layer);
        let new = match write.value {
            PatchValue::Other => New::Activation(there.clone()),
            PatchValue::Zero => New::Activation(0.0 * there),
            PatchValue::Mean => New::Activation(self.corrupted_mean(write.component, write.layer)),
            PatchValue::Knockout => New::KnockedOut,
        };
        let writes = [(*write, new)];
        let mut written = Recording::default();
        // Estimates are of sweeps whose positions are numbers.
        let numbers = |listed: &[u32]| listed.to_vec();
        let mut patch = patch(&writes, &numbers);
        let _ = self.model.forward(&patched.embedding, &mut |component, layer, activation| {
            patch(component, layer, activation);
            if (component, layer) == (site, write.layer) {
                written.keep(component, layer, activation);
            }
        });
        written.get(site, write.layer) - patched.activations.get(site, write.layer)
    }

    /// Logits \[positions, vocabulary\] of a run whose embedding is so far on the way from the run that is patched to the other,
    /// with something added to an activation.
    fn moved(&self, prompt: usize, along: f64, site: (Component, u32), by: &ArrayD<f64>) -> Array2<f64> {
        let [patched, other] = self.pair(prompt);
        let embedding = &patched.embedding + along * (&other.embedding - &patched.embedding);
        self.model.forward(&embedding, &mut |component, layer, activation| {
            if (component, layer) == site {
                *activation += by;
            }
        })
    }
}
