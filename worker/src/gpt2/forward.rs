//! The forward pass of a whole run, block by block, and the parts that patched runs share with it.

use patchsweep_core::grid::Component;
use patchsweep_core::model::Activation;
use tch::{Kind, Tensor};

use super::positions::Positions;
use super::recorder::Recorder;
use super::weights::{Gpt2, LayerNorm};

/// Most rows that go through an MLP at once: its hidden layer is the largest activation.
const MLP_ROWS_ON_CPU: i64 = 1 << 12;
const MLP_ROWS_ON_GPU: i64 = 1 << 16;

/// Keys and values of the positions before a run's first one, each \[batch, pos, head, `d_head`\].
pub(super) type Prefix = [Tensor; 2];

impl Gpt2 {
    /// The residual stream before the first block \[batch, pos, `d_model`\].
    ///
    /// `tokens`: int64 \[batch, pos\].
    pub(super) fn embed(&self, tokens: &Tensor) -> Tensor {
        let positions = tokens.size()[1];
        Tensor::embedding(&self.embed, tokens, -1, false, false) + self.pos_embed.narrow(0, 0, positions)
    }

    /// One block, from `resid_pre` to `resid_post` \[batch, pos, `d_model`\], of the positions behind a prefix.
    pub(super) fn block(
        &self,
        layer: u32,
        resid_pre: &Tensor,
        prefix: Option<&Prefix>,
        recorder: &mut Recorder<'_>,
    ) -> Tensor {
        recorder.see(layer, Component::ResidPre, resid_pre);
        let z = self.attention(layer, &self.normed(layer, resid_pre), prefix, recorder);
        let attn_out = self.attn_out(layer, &z);
        recorder.see(layer, Component::AttnOut, &attn_out);
        let resid_mid = resid_pre + attn_out;
        recorder.see(layer, Component::ResidMid, &resid_mid);
        let mlp_out = self.mlp_out(layer, &resid_mid);
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
        let with_prefix = |before: Option<&Tensor>, own: Tensor| match before {
            Some(before) => Tensor::cat(&[before, &own], 1),
            None => own,
        };
        let (k, v) = (with_prefix(prefix.map(|p| &p[0]), k), with_prefix(prefix.map(|p| &p[1]), v));
        let scores = self.attention_scores(layer, &q, &k);
        let pattern = Self::pattern(&scores, &Positions::between(first, first + q.size()[1] - 1));
        recorder.see(layer, Component::Pattern, &pattern);
        let z = self.weighted_values(&pattern, &v);
        recorder.see(layer, Component::Z, &z);
        z
    }

    /// What attention and its projections read \[.., `d_model`\].
    pub(super) fn normed(&self, layer: u32, resid_pre: &Tensor) -> Tensor {
        self.layer_norm(resid_pre, &self.blocks[layer as usize].ln_1)
    }

    /// \[.., head, `d_head`\]
    pub(super) fn queries(&self, layer: u32, normed: &Tensor) -> Tensor {
        self.heads(&self.linear(normed, &self.blocks[layer as usize].queries))
    }

    /// Keys and values, each \[.., head, `d_head`\]: views of one tensor.
    pub(super) fn keys_values(&self, layer: u32, normed: &Tensor) -> [Tensor; 2] {
        let both = self.linear(normed, &self.blocks[layer as usize].keys_values);
        let width = i64::from(self.config.shape.d_model);
        [0, width].map(|first| self.heads(&both.narrow(-1, first, width)))
    }

    /// Heads side by side to heads apart: \[.., `d_model`\] to \[.., head, `d_head`\].
    fn heads(&self, x: &Tensor) -> Tensor {
        x.unflatten(-1, [i64::from(self.config.shape.heads), -1])
    }

    /// \[.., `d_model`\] of `z` \[.., head, `d_head`\].
    pub(super) fn attn_out(&self, layer: u32, z: &Tensor) -> Tensor {
        self.linear(&z.flatten(-2, -1), &self.blocks[layer as usize].attn_out)
    }

    /// Adds to the residual stream \[rows, `d_model`\] what a change of one head's `z` \[rows, `d_head`\] changes in it.
    pub(super) fn add_attn_out_of_head(&self, layer: u32, head: u32, z_change: &Tensor, resid: &mut Tensor) {
        let width = z_change.size()[1];
        let outputs = self.blocks[layer as usize].attn_out.weight.narrow(1, i64::from(head) * width, width);
        self.add_product(resid, z_change, &outputs.transpose(0, 1));
    }

    /// Adds to the residual stream \[rows, `d_model`\] what the MLP makes of it.
    pub(super) fn add_mlp_out(&self, layer: u32, resid: &Tensor) {
        let most = if resid.device().is_cuda() { MLP_ROWS_ON_GPU } else { MLP_ROWS_ON_CPU };
        for mut rows in resid.split(most, 0) {
            let mlp_out = self.mlp_out(layer, &rows);
            let _ = rows.g_add_(&mlp_out);
        }
    }

    /// What the MLP adds to the residual stream \[.., `d_model`\].
    fn mlp_out(&self, layer: u32, resid_mid: &Tensor) -> Tensor {
        let block = &self.blocks[layer as usize];
        let hidden = self.linear(&self.layer_norm(resid_mid, &block.ln_2), &block.mlp_in);
        self.linear(&self.activation(hidden), &block.mlp_out)
    }

    /// Final layer norm, in float32 whatever the model's dtype \[rows, `d_model`\]; what the unembedding is applied to.
    pub(super) fn final_norm(&self, resid: &Tensor) -> Tensor {
        let LayerNorm { weight, bias } = &self.ln_final;
        let norm = LayerNorm { weight: weight.to_kind(Kind::Float), bias: bias.to_kind(Kind::Float) };
        self.layer_norm(&resid.to_kind(Kind::Float), &norm)
    }

    fn layer_norm(&self, x: &Tensor, norm: &LayerNorm) -> Tensor {
        let width = i64::from(self.config.shape.d_model);
        x.layer_norm([width], Some(&norm.weight), Some(&norm.bias), self.config.layer_norm_epsilon, false)
    }

    fn activation(&self, mut x: Tensor) -> Tensor {
        match self.config.activation {
            Activation::GeluTanh => x.gelu_("tanh"),
            Activation::Gelu => x.gelu_("none"),
            Activation::Relu => x.relu_(),
            Activation::Silu => x.silu_(),
        }
    }
}
