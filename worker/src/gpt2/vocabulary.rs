//! Distributions over the whole vocabulary, never held whole.

use tch::{Kind, Tensor};

use super::weights::Gpt2;

/// Most logits that are computed at once.
const MOST_LOGITS: i64 = 1 << 24;

/// Next-token distributions of some rows.
pub(super) struct Distribution {
    /// What the unembedding is applied to, float32 \[rows, `d_model`\].
    normed: Tensor,
    /// log Σ exp(logits) \[rows\].
    pub(super) log_sum: Tensor,
}

impl Distribution {
    /// `normed`: what the final layer norm gave \[rows, `d_model`\].
    pub(super) fn of(model: &Gpt2, normed: &Tensor) -> Self {
        let sums = model.vocabulary_slices(normed.size()[0]).into_iter();
        let sums = sums.map(|columns| model.product(normed, &columns).logsumexp([-1], false));
        let log_sum = sums.reduce(|sum, slice| sum.logaddexp(&slice)).expect("a vocabulary has tokens");
        Self { normed: normed.shallow_clone(), log_sum }
    }

    /// KL(this ‖ run) \[cells * prompts\] of runs of several cells for each of these prompts.
    ///
    /// With p = softmax(a) and q = softmax(b) it is Σ p (a − b) − log Σ exp(a) + log Σ exp(b).
    pub(super) fn divergence(&self, model: &Gpt2, run: &Self, cells: i64) -> Tensor {
        let prompts = self.normed.size()[0];
        let slices = model.vocabulary_slices(cells * prompts).into_iter().map(|columns| {
            let own = model.product(&self.normed, &columns);
            let theirs = model.product(&run.normed, &columns).view([cells, prompts, -1]);
            let probability = (&own - self.log_sum.unsqueeze(1)).exp();
            ((own - theirs) * probability).sum_dim_intlist([-1].as_slice(), false, Kind::Float)
        });
        let expected = slices.reduce(|sum, slice| sum + slice).expect("a vocabulary has tokens");
        (expected - &self.log_sum).flatten(0, 1) + &run.log_sum
    }
}

impl Gpt2 {
    /// The unembedding in parts \[`d_model`, some tokens\], float32, such that this many rows' logits stay bounded.
    fn vocabulary_slices(&self, rows: i64) -> Vec<Tensor> {
        let most = (MOST_LOGITS / rows.max(1)).max(256);
        self.unembed.split(most, 0).iter().map(|part| part.to_kind(Kind::Float).transpose(0, 1)).collect()
    }
}
