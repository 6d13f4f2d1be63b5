//! Distributions over the whole vocabulary, never held whole.

use tch::{Kind, Tensor};

use crate::torch::model::exec::Exec;
use crate::torch::rows::joined;

/// The next-token distribution of the clean run, one row per prompt.
pub(crate) struct CleanDistribution {
    /// What the unembedding is applied to, float32 \[prompts, `d_model`\].
    normed: Tensor,
    /// log Σ exp(logits) \[prompts\].
    log_sum: Tensor,
}

/// What metrics read of the distributions of some rows.
pub(crate) struct Distribution {
    /// log Σ exp(logits) \[rows\].
    pub(crate) log_sum: Tensor,
    /// KL(clean ‖ row) \[rows\], where clean distributions were given.
    pub(crate) divergence: Option<Tensor>,
}

impl CleanDistribution {
    /// `normed`: what the final layer norm gave \[prompts, `d_model`\].
    pub(crate) fn of(exec: &Exec<'_>, normed: &Tensor) -> Self {
        Self { normed: normed.shallow_clone(), log_sum: Distribution::of(exec, normed, &[]).log_sum }
    }
}

impl Distribution {
    /// Of rows \[rows, `d_model`\].
    ///
    /// `clean`: what they are compared with, if anything: one behind the other how many rows \[cells * prompts\] belong to the
    /// prompts of each. With p = softmax(a) of the clean run and q = softmax(b), KL is Σ p (a − b) − log Σ exp(a) + log Σ exp(b).
    pub(crate) fn of(exec: &Exec<'_>, normed: &Tensor, clean: &[(i64, &CleanDistribution)]) -> Self {
        let lengths: Vec<i64> = clean.iter().map(|(rows, _)| *rows).collect();
        let prompts: Vec<i64> = clean.iter().map(|(_, clean)| clean.normed.size()[0]).collect();
        let all_clean =
            (!clean.is_empty()).then(|| joined(clean.iter().map(|(_, clean)| clean.normed.shallow_clone())));
        let part = |(columns, bias): (Tensor, Option<Tensor>)| {
            let logits_of = |normed: &Tensor| exec.logits(exec.product(normed, &columns), bias.as_ref());
            let logits = logits_of(normed);
            let compare = |all_clean: &Tensor| {
                let own = logits_of(all_clean).split_with_sizes(&prompts, 0);
                let rows = logits.split_with_sizes(&lengths, 0);
                let compare = |((own, rows), (_, clean)): ((Tensor, Tensor), &(i64, &CleanDistribution))| {
                    let probability = (&own - clean.log_sum.unsqueeze(1)).exp();
                    let cells = rows.unflatten(0, [-1, own.size()[0]]);
                    ((own - cells) * probability).sum_dim_intlist([-1].as_slice(), false, Kind::Float)
                };
                own.into_iter().zip(rows).zip(clean).map(compare).collect::<Vec<_>>()
            };
            (logits.logsumexp([-1], false), all_clean.as_ref().map(compare))
        };
        let add = |(a, b): (Vec<Tensor>, Vec<Tensor>)| a.into_iter().zip(b).map(|(a, b)| a + b).collect();
        let join = |(sum, expected): (Tensor, Option<Vec<Tensor>>), (more, also): (Tensor, Option<Vec<Tensor>>)| {
            (sum.logaddexp(&more), expected.zip(also).map(add))
        };
        let slices = exec.vocabulary_slices(normed.size()[0]);
        let (log_sum, expected) = slices.map(part).reduce(join).expect("a vocabulary has tokens");
        let divergence = expected.map(|expected| {
            let of_each = expected.into_iter().zip(clean);
            joined(of_each.map(|(expected, (_, clean))| (expected - &clean.log_sum).flatten(0, 1))) + &log_sum
        });
        Self { log_sum, divergence }
    }
}

impl Exec<'_> {
    /// Logits of products with the unembedding; `bias`: of the same tokens.
    pub(crate) fn logits(&self, products: Tensor, bias: Option<&Tensor>) -> Tensor {
        let biased = match bias {
            Some(bias) => products + bias.to_kind(Kind::Float),
            None => products,
        };
        match self.model.architecture.readout.cap {
            Some(cap) => (biased / cap).tanh() * cap,
            None => biased,
        }
    }

    /// The unembedding in parts \[`d_model`, some tokens\], float32, such that this many rows' logits stay bounded, with the
    /// biases of the same tokens.
    fn vocabulary_slices(&self, rows: i64) -> impl Iterator<Item = (Tensor, Option<Tensor>)> {
        let most = (self.most_logits / rows.max(1)).max(256);
        let parts = self.model.unembed.split(most, 0).into_iter();
        let mut biases = self.model.unembed_bias.as_ref().map(|bias| bias.split(most, 0).into_iter());
        parts.map(move |part| (part.to_kind(Kind::Float).transpose(0, 1), biases.as_mut().and_then(Iterator::next)))
    }
}
