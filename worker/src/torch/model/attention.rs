//! Attention of some positions over all positions at and before them.

use tch::{Kind, Tensor};

use crate::torch::model::exec::Exec;
use crate::torch::positions::{At, Positions};

impl Exec<'_> {
    /// Queries as attention reads them: normalised and rotated.
    pub(crate) fn finished_queries(&self, layer: u32, queries: &Tensor, at: At<'_>) -> Tensor {
        self.rotated(layer, &self.head_norm(queries, self.weights(layer).q_norm.as_ref()), at)
    }

    /// Keys as attention reads them.
    pub(crate) fn finished_keys(&self, layer: u32, keys: &Tensor, at: At<'_>) -> Tensor {
        self.rotated(layer, &self.head_norm(keys, self.weights(layer).k_norm.as_ref()), at)
    }

    fn rotated(&self, layer: u32, x: &Tensor, at: At<'_>) -> Tensor {
        match &self.model.architecture.attention_of(layer).rotary {
            Some(rotary) => self.tables(layer).rotations.rotated(rotary, x, at),
            None => x.shallow_clone(),
        }
    }

    /// Attention scores \[batch, head, query, key\], scaled and capped, not masked.
    ///
    /// `queries` \[batch, query, head, `d_head`\]; `keys` \[batch, key, key-value head, `d_head`\]; both finished, and of as
    /// many heads as wanted: each key-value head serves the same number of query heads, in order.
    pub(crate) fn attention_scores(&self, layer: u32, queries: &Tensor, keys: &Tensor) -> Tensor {
        // Queries are scaled before their product with keys, which could overflow float16.
        let queries = queries.transpose(1, 2) * self.attention_scale(layer);
        self.capped(grouped_product(self, &queries, &keys.permute([0, 2, 3, 1])))
    }

    /// Attention probabilities \[batch, head, query, key\] of scores \[batch, head, query, key\], keys from position 0 on.
    pub(crate) fn pattern(&self, layer: u32, scores: &Tensor, queries: &Positions) -> Tensor {
        let keys = Positions::between(0, scores.size()[3] - 1);
        let hidden = self.hidden(layer, queries, &keys);
        // Softmax in float32 whatever the model's dtype.
        scores.masked_fill(&hidden, f64::NEG_INFINITY).softmax(-1, Kind::Float).to_kind(scores.kind())
    }

    /// Attention-weighted values \[batch, query, head, `d_head`\].
    ///
    /// `pattern` \[batch, head, query, key\]; `values` \[batch, key, key-value head, `d_head`\].
    pub(crate) fn weighted_values(&self, pattern: &Tensor, values: &Tensor) -> Tensor {
        grouped_product(self, pattern, &values.transpose(1, 2)).transpose(1, 2)
    }

    /// Which keys a query does not attend to, bool \[query, key\]: those behind it, and those before its window.
    pub(crate) fn hidden(&self, layer: u32, queries: &Positions, keys: &Positions) -> Tensor {
        let all = &self.tables(layer).positions;
        let [queries, keys] = [queries, keys].map(|positions| positions.of(all, 0, 0));
        let queries = queries.unsqueeze(1);
        let future = keys.gt_tensor(&queries);
        match self.model.architecture.attention_of(layer).window {
            Some(window) => future.logical_or(&keys.le_tensor(&(queries - i64::from(window)))),
            None => future,
        }
    }

    /// Scores after the soft cap, if there is one.
    pub(crate) fn capped(&self, scores: Tensor) -> Tensor {
        match self.model.architecture.attention.score_cap {
            Some(cap) => (scores / cap).tanh() * cap,
            None => scores,
        }
    }

    pub(crate) fn attention_scale(&self, layer: u32) -> f64 {
        self.model.architecture.attention_of(layer).scale
    }
}

/// \[batch, head, m, k\] x \[batch, key-value head, k, n\]: a key-value head's query heads are rows of one matrix.
fn grouped_product(exec: &Exec<'_>, a: &Tensor, b: &Tensor) -> Tensor {
    let group = a.size()[1] / b.size()[1];
    if group == 1 {
        return exec.product(a, b);
    }
    let rows = a.unflatten(1, [-1, group]).flatten(2, 3);
    exec.product(&rows, b).unflatten(2, [group, -1]).flatten(1, 2)
}
