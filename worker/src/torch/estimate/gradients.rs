//! Gradients of metrics by activations.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use patchsweep_core::grid::Component;
use tch::{Kind, Tensor};

use super::scaled::{Gradients, through_model};
use crate::torch::model::exec::Exec;
use crate::torch::numbers::length;
use crate::torch::plain::forward::forward;
use crate::torch::runs::recorder::Site;
use crate::torch::score::metrics::Scorer;

/// What one backward pass is counted as, in forward passes of the same prompts.
const BACKWARD: u64 = 2;

/// Where gradients are taken, and of what.
pub(super) struct Point<'a> {
    pub(super) exec: &'a Exec<'a>,
    /// Residual stream before the first block \[prompts, pos, `d_model`\].
    pub(super) embedding: Tensor,
    /// One for each read position.
    pub(super) scorers: &'a [Scorer<'a>],
    /// The read positions.
    pub(super) reads: &'a [u32],
}

impl Point<'_> {
    /// Hands the gradients of each metric, summed over prompts (so of each prompt by its own activations), by the activations of
    /// some sites to `take`: the metric's index, and tensors of the activations' shapes.
    ///
    /// A metric is its mean over the read positions. Each site is taken as if it alone varied: its gradient holds all that
    /// comes after it.
    pub(super) fn each(&self, is_wanted: &dyn Fn(Site) -> bool, take: &mut dyn FnMut(usize, &Gradients)) {
        let before = self.exec.multiply_adds();
        let mut seen: BTreeMap<Site, Tensor> = BTreeMap::new();
        let (last, read, scores) = with_grad(|| {
            let embedding = self.embedding.copy().set_requires_grad(true);
            let last = forward(self.exec, &embedding, None, &mut |layer, component: Component, activation| {
                if is_wanted((layer, component)) {
                    seen.insert((layer, component), activation.shallow_clone());
                }
                activation
            });
            // Apart from the model, so that its backward pass can be scaled.
            let read = last.detach().to_kind(Kind::Float).set_requires_grad(true);
            // Taken apart here: libtorch follows views as well.
            let scores = self.scores(&read).unbind(0);
            (last, read, scores)
        });
        let forward_pass = self.exec.multiply_adds() - before;
        for (metric, score) in scores.iter().enumerate() {
            self.exec.count(i64::try_from(BACKWARD * forward_pass).unwrap_or(i64::MAX));
            let is_last = metric + 1 == scores.len();
            let by_read = Tensor::run_backward(&[score], &[&read], !is_last, false).remove(0);
            take(metric, &through_model(&last, &by_read, &seen, is_last));
        }
    }

    /// Each metric's sum over prompts \[metrics\].
    fn scores(&self, last: &Tensor) -> Tensor {
        let at_read = |(scorer, &read): (&Scorer<'_>, &u32)| scorer.score(&last.select(1, read.into()).unsqueeze(0));
        let scores: Vec<Tensor> = self.scorers.iter().zip(self.reads).map(at_read).collect();
        let whole = Tensor::stack(&scores, 0).sum_dim_intlist([0, 2, 3].as_slice(), false, None);
        whole / length(self.reads.len())
    }
}

/// libtorch keeps track of what is computed meanwhile, and not any more behind it, whatever ends it.
pub(super) fn with_grad<T>(compute: impl FnOnce() -> T) -> T {
    let result = tch::with_grad(|| catch_unwind(AssertUnwindSafe(compute)));
    result.unwrap_or_else(|panic| resume_unwind(panic))
}
