//! The forward pass of a whole run, block by block, and the parts that patched runs share with it.

use patchsweep_core::grid::Component;
use tch::Tensor;

use crate::torch::model::exec::Exec;
use crate::torch::positions::{At, Positions};
use crate::torch::runs::recorder::Recorder;

/// Keys and values of the positions before a run's first one, each \[batch, pos, key-value head, `d_head`\].
pub(crate) type Prefix = [Tensor; 2];

impl Exec<'_> {
    /// The residual stream before the first block \[batch, pos, `d_model`\].
    ///
    /// `tokens`: int64 \[batch, pos\].
    pub(crate) fn embed(&self, tokens: &Tensor) -> Tensor {
        let positions = tokens.size()[1];
        let mut embedded = Tensor::embedding(&self.model.embed, tokens, -1, false, false);
        let scale = self.model.architecture.embed.scale;
        if (scale - 1.0).abs() > 0.0 {
            embedded *= scale;
        }
        match &self.model.pos_embed {
            Some(pos_embed) => embedded + pos_embed.narrow(0, 0, positions),
            None => embedded,
        }
    }

    /// One block, from `resid_pre` to `resid_post` \[batch, pos, `d_model`\], of the positions behind a prefix.
    pub(crate) fn block(
        &self,
        layer: u32,
        resid_pre: &Tensor,
        prefix: Option<&Prefix>,
        recorder: &mut Recorder<'_>,
    ) -> Tensor {
        recorder.see(layer, Component::ResidPre, resid_pre);
        let normed = self.normed(layer, resid_pre);
        let z = self.attention(layer, &normed, prefix, recorder);
        let attn_out = self.attn_out(layer, &z);
        recorder.see(layer, Component::AttnOut, &attn_out);
        let resid_mid = resid_pre + attn_out;
        let reads = self.mlp_reads_input(layer, resid_pre, || normed.shallow_clone());
        if reads.is_none() {
            recorder.see(layer, Component::ResidMid, &resid_mid);
        }
        let reads = reads.unwrap_or_else(|| self.mlp_normed(layer, &resid_mid));
        let mlp_out = self.mlp_out(layer, &reads, &mut |component, x| match component {
            Component::MlpPre => recorder.see_copy(layer, component, x),
            _ => recorder.see(layer, component, x),
        });
        recorder.see(layer, Component::MlpOut, &mlp_out);
        let resid_post = resid_mid + mlp_out;
        recorder.see(layer, Component::ResidPost, &resid_post);
        resid_post
    }

    /// Attention-weighted values \[batch, pos, head, `d_head`\].
    fn attention(&self, layer: u32, normed: &Tensor, prefix: Option<&Prefix>, recorder: &mut Recorder<'_>) -> Tensor {
        let q = self.queries(layer, normed);
        let [k, v] = self.keys_values(layer, normed);
        for (component, activation) in [(Component::Q, &q), (Component::K, &k), (Component::V, &v)] {
            recorder.see(layer, component, activation);
        }
        let first = prefix.map_or(0, |[keys, _]| keys.size()[1]);
        let last = first + q.size()[1] - 1;
        let with_prefix = |before: Option<&Tensor>, own: Tensor| match before {
            Some(before) => Tensor::cat(&[before, &own], 1),
            None => own,
        };
        let (k, v) = (with_prefix(prefix.map(|p| &p[0]), k), with_prefix(prefix.map(|p| &p[1]), v));
        let own = Positions::between(first, last);
        let q = self.finished_queries(layer, &q, At::Positions(&own));
        let k = self.finished_keys(layer, &k, At::Positions(&Positions::between(0, last)));
        let scores = self.attention_scores(layer, &q, &k);
        let pattern = self.pattern(layer, &scores, &own);
        recorder.see(layer, Component::Pattern, &pattern);
        let z = self.weighted_values(&pattern, &v);
        recorder.see(layer, Component::Z, &z);
        z
    }

    /// What attention's projections read \[.., `d_model`\].
    pub(crate) fn normed(&self, layer: u32, resid_pre: &Tensor) -> Tensor {
        self.normed_like(layer, resid_pre, None)
    }

    /// The same, divided as in [`Self::norm_like`].
    pub(crate) fn normed_like(&self, layer: u32, resid_pre: &Tensor, like: Option<&Tensor>) -> Tensor {
        self.norm_like(resid_pre, like, self.weights(layer).ln1.as_ref())
    }

    /// \[.., head, `d_head`\], as they are projected.
    pub(crate) fn queries(&self, layer: u32, normed: &Tensor) -> Tensor {
        self.heads(&self.clipped(self.linear(normed, &self.weights(layer).queries)))
    }

    /// Keys and values, each \[.., key-value head, `d_head`\], as they are projected: views of one tensor.
    pub(crate) fn keys_values(&self, layer: u32, normed: &Tensor) -> [Tensor; 2] {
        let both = self.clipped(self.linear(normed, &self.weights(layer).keys_values));
        let width = i64::from(self.model.architecture.d_keys());
        [0, width].map(|first| self.heads(&both.narrow(-1, first, width)))
    }

    /// Keys or values alone \[.., key-value head, `d_head`\], as they are projected.
    pub(crate) fn keys_or_values(&self, layer: u32, component: Component, normed: &Tensor) -> Tensor {
        let width = i64::from(self.model.architecture.d_keys());
        let first = if component == Component::K { 0 } else { width };
        let outputs = self.weights(layer).keys_values.outputs(first, width);
        self.heads(&self.clipped(self.linear(normed, &outputs)))
    }

    /// Queries, keys or values within their bounds, if there are any.
    fn clipped(&self, projected: Tensor) -> Tensor {
        match self.model.architecture.attention.clip {
            Some(clip) => projected.clamp(-clip, clip),
            None => projected,
        }
    }

    /// Heads side by side to heads apart: \[.., heads * `d_head`\] to \[.., head, `d_head`\].
    fn heads(&self, x: &Tensor) -> Tensor {
        x.unflatten(-1, [-1, i64::from(self.model.architecture.d_head)])
    }

    /// What attention adds to the residual stream \[.., `d_model`\], of `z` \[.., head, `d_head`\].
    pub(crate) fn attn_out(&self, layer: u32, z: &Tensor) -> Tensor {
        let block = self.weights(layer);
        self.norm(&self.linear(&z.flatten(-2, -1), &block.attn_out), block.ln1_post.as_ref())
    }

    /// Adds to the residual stream \[rows, `d_model`\] what a change of `z` in some consecutive heads
    /// \[rows, heads * `d_head`\] changes in it, where what attention adds is not normalised.
    pub(crate) fn add_attn_out_of_heads(&self, layer: u32, first: u32, z_change: &Tensor, resid: &mut Tensor) {
        let (start, width) = (i64::from(first) * i64::from(self.model.architecture.d_head), z_change.size()[1]);
        let outputs = self.weights(layer).attn_out.weight.narrow(1, start, width);
        self.add_product(resid, z_change, &outputs.transpose(0, 1));
    }
}
