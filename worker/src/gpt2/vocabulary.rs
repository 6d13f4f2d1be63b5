//! Distributions over the whole vocabulary, never held whole.

use tch::{Kind, Tensor};

use super::weights::Gpt2;

/// Most logits that are computed at once.
const MOST_LOGITS: i64 = 1 << 24;

/// The next-token distribution of the clean run, one row per prompt.
pub(super) struct CleanDistribution {
    /// What the unembedding is applied to, float32 \[prompts, `d_model`\].
    normed: Tensor,
    /// log Σ exp(logits) \[prompts\].
    log_sum: Tensor,
}

/// What metrics read of the distributions of some rows.
pub(super) struct Distribution {
    /// log Σ exp(logits) \[rows\].
    pub(super) log_sum: Tensor,
    /// KL(clean ‖ row) \[rows\], where the clean distribution was given.
    pub(super) divergence: Option<Tensor>,
}

impl CleanDistribution {
    /// `normed`: what the final layer norm gave \[prompts, `d_model`\].
    pub(super) fn of(model: &Gpt2, normed: &Tensor) -> Self {
        Self { normed: normed.shallow_clone(), log_sum: Distribution::of(model, normed, None).log_sum }
    }
}

impl Distribution {
    /// Of rows \[cells * prompts, `d_model`\], compared with the clean run's prompts.
    ///
    /// With p = softmax(a) of the clean run and q = softmax(b), KL is Σ p (a − b) − log Σ exp(a) + log Σ exp(b).
    pub(super) fn of(model: &Gpt2, normed: &Tensor, clean: Option<&CleanDistribution>) -> Self {
        let part = |columns: Tensor| {
            let logits = model.product(normed, &columns);
            let compare = |clean: &CleanDistribution| {
                let own = model.product(&clean.normed, &columns);
                let probability = (&own - clean.log_sum.unsqueeze(1)).exp();
                let cells = logits.unflatten(0, [-1, own.size()[0]]);
                ((own - cells) * probability).sum_dim_intlist([-1].as_slice(), false, Kind::Float)
            };
            (logits.logsumexp([-1], false), clean.map(compare))
        };
        let join = |(sum, expected): (Tensor, Option<Tensor>), (more, also): (Tensor, Option<Tensor>)| {
            (sum.logaddexp(&more), expected.zip(also).map(|(a, b)| a + b))
        };
        let slices = model.vocabulary_slices(normed.size()[0]);
        let (log_sum, expected) = slices.map(part).reduce(join).expect("a vocabulary has tokens");
        let divergence =
            expected.zip(clean).map(|(expected, clean)| (expected - &clean.log_sum).flatten(0, 1) + &log_sum);
        Self { log_sum, divergence }
    }
}

impl Gpt2 {
    /// The unembedding in parts \[`d_model`, some tokens\], float32, such that this many rows' logits stay bounded.
    fn vocabulary_slices(&self, rows: i64) -> impl Iterator<Item = Tensor> {
        let most = (MOST_LOGITS / rows.max(1)).max(256);
        self.unembed.split(most, 0).into_iter().map(|part| part.to_kind(Kind::Float).transpose(0, 1))
    }
}
