//! Sets of tokens that are scored together: one number for each row and set.

use std::ops::Range;

use patchsweep_core::metric::{Difference, Metric, Reduce, ReducedSets, TokenScore};
use tch::{Device, Kind, Tensor};

use crate::torch::gpu::upload;
use crate::torch::model::exec::Exec;
use crate::torch::numbers::length;

/// The sets of a difference, for some prompts.
pub(crate) struct Sides {
    of: TokenScore,
    right: Side,
    wrong: Option<Side>,
}

/// One side of a difference: one set for all prompts, or one for each.
struct Side {
    reduce: Reduce,
    /// int64 \[sets, largest\]; behind a set's own tokens its first one stands again.
    ids: Tensor,
    /// Where that is so \[sets, 1, largest\].
    filled_up: Tensor,
    /// Tokens of each set, float32 \[sets, 1\].
    sizes: Tensor,
}

/// Final residual streams to score.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) exec: &'a Exec<'a>,
    /// What the unembedding is applied to, float32 \[cells * prompts, `d_model`\].
    pub(crate) normed: &'a Tensor,
    /// log Σ exp(logits) over the vocabulary \[cells * prompts\], where a metric reads it.
    pub(crate) log_sum: Option<&'a Tensor>,
}

impl Sides {
    /// The sets of each metric that has any \[metrics\].
    pub(crate) fn of(metrics: &[Metric], prompts: &Range<usize>, device: Device) -> Vec<Option<Self>> {
        let sides = |Difference { of, right, wrong }: &Difference| Self {
            of: *of,
            right: Side::of(right, prompts, device),
            wrong: wrong.as_ref().map(|wrong| Side::of(wrong, prompts, device)),
        };
        metrics.iter().map(|metric| metric.kind.difference().map(sides)).collect()
    }

    /// R(right) − R(wrong) \[cells * prompts\].
    pub(crate) fn score(&self, rows: Rows<'_>) -> Tensor {
        let right = self.right.score(rows, self.of);
        match &self.wrong {
            Some(wrong) => right - wrong.score(rows, self.of),
            None => right,
        }
    }
}

impl Side {
    fn of(side: &ReducedSets, prompts: &Range<usize>, device: Device) -> Self {
        // Sets are filled up to the sweep's largest, not the chunk's, so that the work does not depend on how prompts are cut.
        let largest = side.sets.largest();
        let sets = if side.sets.count() == 1 { 0..1 } else { prompts.clone() };
        let count = length(sets.len());
        let (mut ids, mut filled_up, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for prompt in sets {
            let set = side.sets.of(prompt);
            let token = |place: usize| i64::from(*set.get(place).unwrap_or(&set[0]));
            ids.extend((0..largest).map(token));
            filled_up.extend((0..largest).map(|place| place >= set.len()));
            sizes.push(length(set.len()));
        }
        let largest = length(largest);
        Self {
            reduce: side.reduce,
            ids: upload(&ids, device).view([count, largest]),
            filled_up: upload(&filled_up, device).view([count, 1, largest]),
            sizes: upload(&sizes, device).view([count, 1]).to_kind(Kind::Float),
        }
    }

    /// One number for each row \[cells * prompts\]; some tokens of all sets after the others, so that what is computed at once
    /// stays bounded.
    fn score(&self, rows: Rows<'_>, of: TokenScore) -> Tensor {
        let (sets, largest) = self.ids.size2().expect("sets and tokens");
        // Rows of one set lie behind each other \[sets, rows, ..\].
        let by_set = |x: &Tensor| x.unflatten(0, [-1, sets]).transpose(0, 1);
        let (normed, log_sum) = (by_set(rows.normed), rows.log_sum.map(|sums| by_set(&sums.unsqueeze(1))));
        let numbers = |first: i64, count: i64| {
            let logits = logits(rows.exec, &normed, &self.ids.narrow(1, first, count));
            self.reduced(&taken(of, logits, log_sum.as_ref()), &self.filled_up.narrow(2, first, count))
        };
        let (count, width) = rows.normed.size2().expect("rows and d_model");
        let most = (rows.exec.most_logits / count.max(sets * width)).clamp(1, largest);
        let parts = (0..largest).step_by(usize::try_from(most).expect("at least one token"));
        let whole = parts.map(|first| numbers(first, most.min(largest - first))).reduce(|a, b| self.joined(&a, &b));
        let whole = whole.expect("a set has tokens");
        let whole = if self.reduce == Reduce::Mean { whole / &self.sizes } else { whole };
        whole.transpose(0, 1).flatten(0, 1)
    }

    /// Of some of the tokens' numbers \[sets, rows, tokens\] what joins to the whole \[sets, rows\].
    fn reduced(&self, numbers: &Tensor, filled_up: &Tensor) -> Tensor {
        let (last, nothing) = ([-1].as_slice(), f64::NEG_INFINITY);
        match self.reduce {
            Reduce::Sum | Reduce::Mean => numbers.masked_fill(filled_up, 0.0).sum_dim_intlist(last, false, Kind::Float),
            Reduce::Max => numbers.masked_fill(filled_up, nothing).amax(last, false),
            Reduce::Logsumexp => numbers.masked_fill(filled_up, nothing).logsumexp(last, false),
        }
    }

    fn joined(&self, a: &Tensor, b: &Tensor) -> Tensor {
        match self.reduce {
            Reduce::Sum | Reduce::Mean => a + b,
            Reduce::Max => a.maximum(b),
            Reduce::Logsumexp => a.logaddexp(b),
        }
    }
}

/// Of the rows of each set \[sets, rows, `d_model`\] the logits of its tokens \[sets, rows, tokens\].
///
/// `ids`: \[sets, tokens\].
fn logits(exec: &Exec<'_>, normed: &Tensor, ids: &Tensor) -> Tensor {
    let (sets, tokens) = ids.size2().expect("sets and tokens");
    let ids = ids.flatten(0, 1);
    let columns = exec.model.unembed.index_select(0, &ids).to_kind(Kind::Float).unflatten(0, [sets, tokens]);
    let bias = exec.model.unembed_bias.as_ref().map(|bias| bias.index_select(0, &ids).view([sets, 1, tokens]));
    exec.logits(exec.product(normed, &columns.transpose(1, 2)), bias.as_ref())
}

/// What is taken of tokens, from their logits.
///
/// `log_sum`: log Σ exp(logits) over the vocabulary, of the same rows.
pub(crate) fn taken(of: TokenScore, logits: Tensor, log_sum: Option<&Tensor>) -> Tensor {
    let logprob = |logits: Tensor| match log_sum {
        Some(log_sum) => logits - log_sum,
        None => unreachable!("computed for metrics that read the vocabulary"),
    };
    match of {
        TokenScore::Logit => logits,
        TokenScore::Logprob => logprob(logits),
        TokenScore::Prob => logprob(logits).exp(),
    }
}
