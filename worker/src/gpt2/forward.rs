//! The forward pass, block by block.

use patchsweep_proto::grid::Component;
use patchsweep_proto::model::Activation;
use tch::{Kind, Tensor};

use super::hooks::Hook;
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
    pub(super) fn block(&self, layer: u32, resid: Tensor, hook: &mut dyn Hook) -> Tensor {
        let block = &self.blocks[layer as usize];
        let resid_pre = hook.at(layer, Component::ResidPre, resid);
        let normed = self.layer_norm(&resid_pre, &block.ln_1);
        let z = self.attention(layer, &linear(&normed, &block.attn), hook);
        let attn_out = hook.at(layer, Component::AttnOut, linear(&z, &block.attn_out));
        let resid_mid = hook.at(layer, Component::ResidMid, resid_pre + attn_out);
        let hidden = self.activation(&linear(&self.layer_norm(&resid_mid, &block.ln_2), &block.mlp_in));
        let mlp_out = hook.at(layer, Component::MlpOut, linear(&hidden, &block.mlp_out));
        hook.at(layer, Component::ResidPost, resid_mid + mlp_out)
    }

    /// Attention-weighted values, heads side by side \[batch, pos, `d_model`\].
    ///
    /// `qkv`: queries, keys and values side by side \[batch, pos, 3 `d_model`\].
    fn attention(&self, layer: u32, qkv: &Tensor, hook: &mut dyn Hook) -> Tensor {
        let (batch, positions, width) = (qkv.size()[0], qkv.size()[1], qkv.size()[2] / 3);
        let heads = i64::from(self.config.shape.heads);
        let mut part = |index: i64, component| {
            let split = qkv.narrow(2, index * width, width).view([batch, positions, heads, width / heads]);
            hook.at(layer, component, split).transpose(1, 2)
        };
        let (q, k, v) = (part(0, Component::Q), part(1, Component::K), part(2, Component::V));
        let future = Tensor::ones([positions, positions], (Kind::Bool, qkv.device())).triu(1);
        // Scaled before the product, which could overflow float16.
        let scores = (q * self.attention_scale(layer)).matmul(&k.transpose(2, 3));
        // Softmax in float32 whatever the model's dtype.
        let pattern = scores.masked_fill(&future, f64::NEG_INFINITY).softmax(-1, Kind::Float).to_kind(v.kind());
        let z = pattern.matmul(&v).transpose(1, 2);
        hook.at(layer, Component::Z, z).reshape([batch, positions, width])
    }

    fn attention_scale(&self, layer: u32) -> f64 {
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

fn linear(x: &Tensor, linear: &Linear) -> Tensor {
    let sizes = x.size();
    let (inputs, outputs) = (linear.weight.size()[0], linear.weight.size()[1]);
    let flat = linear.bias.addmm(&x.reshape([-1, inputs]), &linear.weight);
    flat.view([sizes[0], sizes[1], outputs])
}
