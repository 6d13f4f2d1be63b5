//! The forward pass of a whole run, block by block, and the parts that patched runs share with it.

use patchsweep_proto::grid::Component;
use patchsweep_proto::model::Activation;
use tch::{Kind, Tensor};

use super::recorder::Recorder;
use super::weights::{Gpt2, LayerNorm, Linear};

impl Gpt2 {
    /// The residual stream before the first block \[batch, pos, `d_model`\].
    ///
    /// `tokens`: int64 \[batch, pos\].
    pub(super) fn embed(&self, tokens: &Tensor) -> Tensor {
        let positions = tokens.size()[1];
        Tensor::embedding(&self.embed, tokens, -1, false, false) + self.pos_embed.narrow(0, 0, positions)
    }

    /// One block, from `resid_pre` to `resid_post` \[batch, pos, `d_model`\].
    pub(super) fn block(&self, layer: u32, resid_pre: &Tensor, recorder: &mut Recorder<'_>) -> Tensor {
        recorder.see(layer, Component::ResidPre, resid_pre);
        let z = self.attention(layer, &self.normed(layer, resid_pre), recorder);
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

    /// Attention-weighted values, heads side by side \[batch, pos, `d_model`\].
    fn attention(&self, layer: u32, normed: &Tensor, recorder: &mut Recorder<'_>) -> Tensor {
        let q = self.heads(&self.queries(layer, normed));
        let [k, v] = self.split_keys_values(&self.keys_values(layer, normed));
        for (component, activation) in [(Component::Q, &q), (Component::K, &k), (Component::V, &v)] {
            recorder.see(layer, component, activation);
        }
        let [q, k, v] = [q, k, v].map(|x| x.transpose(1, 2));
        let scores = (q * self.attention_scale(layer)).matmul(&k.transpose(2, 3));
        let positions = scores.size()[3];
        let future = Tensor::ones([positions, positions], (Kind::Bool, scores.device())).triu(1);
        // Softmax in float32 whatever the model's dtype.
        let pattern = scores.masked_fill(&future, f64::NEG_INFINITY).softmax(-1, Kind::Float).to_kind(v.kind());
        let z = pattern.matmul(&v).transpose(1, 2);
        recorder.see(layer, Component::Z, &z);
        z.flatten(2, 3)
    }

    /// What attention and its projections read \[.., `d_model`\].
    pub(super) fn normed(&self, layer: u32, resid_pre: &Tensor) -> Tensor {
        self.layer_norm(resid_pre, &self.blocks[layer as usize].ln_1)
    }

    /// Heads side by side \[.., `d_model`\].
    pub(super) fn queries(&self, layer: u32, normed: &Tensor) -> Tensor {
        linear(normed, &self.blocks[layer as usize].queries)
    }

    /// Keys and values side by side \[.., 2 `d_model`\].
    pub(super) fn keys_values(&self, layer: u32, normed: &Tensor) -> Tensor {
        linear(normed, &self.blocks[layer as usize].keys_values)
    }

    /// Keys and values, each \[.., head, `d_head`\], from both side by side.
    pub(super) fn split_keys_values(&self, both: &Tensor) -> [Tensor; 2] {
        let width = i64::from(self.config.shape.d_model);
        [0, width].map(|first| self.heads(&both.narrow(-1, first, width)))
    }

    /// Heads side by side to heads apart: \[.., `d_model`\] to \[.., head, `d_head`\].
    pub(super) fn heads(&self, x: &Tensor) -> Tensor {
        let heads = i64::from(self.config.shape.heads);
        x.unflatten(-1, [heads, -1])
    }

    /// `z`: heads side by side \[.., `d_model`\].
    pub(super) fn attn_out(&self, layer: u32, z: &Tensor) -> Tensor {
        linear(z, &self.blocks[layer as usize].attn_out)
    }

    /// What the MLP adds to the residual stream \[.., `d_model`\].
    pub(super) fn mlp_out(&self, layer: u32, resid_mid: &Tensor) -> Tensor {
        let block = &self.blocks[layer as usize];
        let hidden = linear(&self.layer_norm(resid_mid, &block.ln_2), &block.mlp_in);
        linear(&self.activation(&hidden), &block.mlp_out)
    }

    /// Queries are scaled before their product with keys, which could overflow float16.
    pub(super) fn attention_scale(&self, layer: u32) -> f64 {
        let head_width = f64::from(self.config.shape.d_model / self.config.shape.heads);
        let by_width = if self.config.scale_attn_weights { 1.0 / head_width.sqrt() } else { 1.0 };
        let by_layer = if self.config.scale_attn_by_inverse_layer_idx { 1.0 / f64::from(layer + 1) } else { 1.0 };
        by_width * by_layer
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

    fn activation(&self, x: &Tensor) -> Tensor {
        match self.config.activation {
            Activation::GeluTanh => x.gelu("tanh"),
            Activation::Gelu => x.gelu("none"),
            Activation::Relu => x.relu(),
            Activation::Silu => x.silu(),
        }
    }
}

/// \[.., in\] to \[.., out\].
fn linear(x: &Tensor, linear: &Linear) -> Tensor {
    let mut sizes = x.size();
    let (inputs, outputs) = (linear.weight.size()[0], linear.weight.size()[1]);
    let flat = linear.bias.addmm(&x.reshape([-1, inputs]), &linear.weight);
    if let Some(last) = sizes.last_mut() {
        *last = outputs;
    }
    flat.view(sizes.as_slice())
}
