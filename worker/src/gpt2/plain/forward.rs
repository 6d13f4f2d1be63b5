//! The forward pass over whole prompts, with a hook at each activation that can be patched.

use patchsweep_core::grid::Component;
use patchsweep_core::model::Activation;
use tch::{Kind, Tensor};

use crate::gpt2::weights::{Block, Gpt2, LayerNorm};

/// Called with each activation \[prompts, ..\] of a run, which goes on with what it gives back.
pub(super) type Hook<'a> = dyn FnMut(u32, Component, Tensor) -> Tensor + 'a;

/// The last residual stream \[prompts, pos, `d_model`\] of some prompts' embeddings, of the same shape.
pub(super) fn forward(model: &Gpt2, embedding: &Tensor, hook: &mut Hook<'_>) -> Tensor {
    let mut resid = embedding.shallow_clone();
    for (layer, block) in (0..).zip(&model.blocks) {
        resid = hook(layer, Component::ResidPre, resid);
        let attn_out = attention(model, layer, block, &resid, hook);
        let attn_out = hook(layer, Component::AttnOut, attn_out);
        resid = hook(layer, Component::ResidMid, resid + attn_out);
        let hidden = activate(model, &model.linear(&layer_norm(model, &resid, &block.ln_2), &block.mlp_in));
        let mlp_out = hook(layer, Component::MlpOut, model.linear(&hidden, &block.mlp_out));
        resid = hook(layer, Component::ResidPost, resid + mlp_out);
    }
    resid
}

/// What attention adds to the residual stream \[prompts, pos, `d_model`\].
///
/// The constant part of the values is in no value but added behind the pattern, as `TransformerLens` moves it into the
/// output's bias: it shows where values are zeroed and where rows of the pattern do not add up to 1.
fn attention(model: &Gpt2, layer: u32, block: &Block, resid: &Tensor, hook: &mut Hook<'_>) -> Tensor {
    let normed = layer_norm(model, resid, &block.ln_1);
    let heads = i64::from(model.config.shape.heads);
    let by_head = |x: &Tensor| {
        let (prompts, positions, width) = x.size3().expect("prompts, positions and width");
        x.reshape([prompts, positions, heads, width / heads])
    };
    let both = model.linear(&normed, &block.keys_values).chunk(2, 2);
    let q = hook(layer, Component::Q, by_head(&model.linear(&normed, &block.queries)));
    let k = hook(layer, Component::K, by_head(&both[0]));
    let v = hook(layer, Component::V, by_head(&both[1]) - &block.folded_values);
    let pattern = hook(layer, Component::Pattern, pattern(model, layer, &q, &k));
    let z = model.product(&pattern, &v.permute([0, 2, 1, 3])).permute([0, 2, 1, 3]);
    let z = hook(layer, Component::Z, z) + &block.folded_values;
    model.linear(&z.reshape(resid.size().as_slice()), &block.attn_out)
}

/// Attention probabilities \[prompts, head, dest, src\] of queries and keys \[prompts, pos, head, `d_head`\].
fn pattern(model: &Gpt2, layer: u32, q: &Tensor, k: &Tensor) -> Tensor {
    let (_, positions, _, head_width) = q.size4().expect("prompts, positions, heads and their width");
    let mut scale = 1.0;
    if model.config.scale_attn_weights {
        scale /= f64::from(u32::try_from(head_width).unwrap_or(u32::MAX)).sqrt();
    }
    if model.config.scale_attn_by_inverse_layer_idx {
        scale /= f64::from(layer + 1);
    }
    // Scaled first: float16 could not hold the product.
    let scores = model.product(&(q * scale).permute([0, 2, 1, 3]), &k.permute([0, 2, 3, 1]));
    let future = Tensor::ones([positions, positions], (Kind::Bool, scores.device())).triu(1);
    let scores = scores.to_kind(Kind::Float).masked_fill(&future, f64::NEG_INFINITY);
    scores.softmax(-1, Kind::Float).to_kind(q.kind())
}

/// Over the last dimension, in the kind of `x`.
pub(super) fn layer_norm(model: &Gpt2, x: &Tensor, norm: &LayerNorm) -> Tensor {
    let (weight, bias) = (norm.weight.to_kind(x.kind()), norm.bias.to_kind(x.kind()));
    let width = i64::from(model.config.shape.d_model);
    x.layer_norm([width], Some(&weight), Some(&bias), model.config.layer_norm_epsilon, false)
}

/// The MLP's nonlinearity.
fn activate(model: &Gpt2, x: &Tensor) -> Tensor {
    match model.config.activation {
        Activation::GeluTanh => x.gelu("tanh"),
        Activation::Gelu => x.gelu("none"),
        Activation::Relu => x.relu(),
        Activation::Silu => x.silu(),
    }
}
