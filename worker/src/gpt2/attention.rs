//! Attention of some positions over all positions at and before them.

use tch::{Kind, Tensor};

use super::positions::Positions;
use super::weights::Gpt2;

impl Gpt2 {
    /// Attention scores \[batch, head, query, key\], scaled, not masked.
    ///
    /// `queries` \[batch, query, head, `d_head`\]; `keys` \[batch, key, head, `d_head`\].
    pub(super) fn attention_scores(&self, layer: u32, queries: &Tensor, keys: &Tensor) -> Tensor {
        // Queries are scaled before their product with keys, which could overflow float16.
        let queries = queries.transpose(1, 2) * self.attention_scale(layer);
        self.product(&queries, &keys.permute([0, 2, 3, 1]))
    }

    /// Attention probabilities \[batch, head, query, key\] of scores \[batch, head, query, key\], keys from position 0 on.
    pub(super) fn pattern(scores: &Tensor, queries: &Positions) -> Tensor {
        let keys = scores.size()[3];
        let future = Tensor::arange(keys, (Kind::Int64, scores.device())).gt_tensor(&queries.column(scores.device()));
        // Softmax in float32 whatever the model's dtype.
        scores.masked_fill(&future, f64::NEG_INFINITY).softmax(-1, Kind::Float).to_kind(scores.kind())
    }

    /// Attention-weighted values \[batch, query, head, `d_head`\].
    ///
    /// `pattern` \[batch, head, query, key\]; `values` \[batch, key, head, `d_head`\].
    pub(super) fn weighted_values(&self, pattern: &Tensor, values: &Tensor) -> Tensor {
        self.product(pattern, &values.transpose(1, 2)).transpose(1, 2)
    }

    pub(super) fn attention_scale(&self, layer: u32) -> f64 {
        let head_width = f64::from(self.config.shape.d_model / self.config.shape.heads);
        let by_width = if self.config.scale_attn_weights { 1.0 / head_width.sqrt() } else { 1.0 };
        let by_layer = if self.config.scale_attn_by_inverse_layer_idx { 1.0 / f64::from(layer + 1) } else { 1.0 };
        by_width * by_layer
    }
}
