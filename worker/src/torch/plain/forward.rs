//! The forward pass over whole prompts, with a hook at each activation that can be patched.

use patchsweep_core::architecture::{Activation, NormKind, Pairing, ParallelNorms, Rotary, Wiring};
use patchsweep_core::grid::Component;
use patchsweep_core::writes::Write;
use tch::{Kind, Tensor};

use crate::torch::devices::on;
use crate::torch::gpu::upload;
use crate::torch::model::exec::Exec;
use crate::torch::model::parameters::{Block, Linear, NormWeights};
use crate::torch::plain::hooks::Recording;
use crate::torch::plain::knockouts::knocked_out;
use crate::torch::plain::widened::times;

/// Called with each activation \[prompts, ..\] of a run, which goes on with what it gives back.
pub(crate) type Hook<'a> = dyn FnMut(u32, Component, Tensor) -> Tensor + 'a;

/// Divides as norms do in another run, whose residual streams are here; `None`: as each run's own norms.
pub(crate) type Like<'a> = Option<&'a Recording>;

/// The last residual stream \[prompts, pos, `d_model`\] of some prompts' embeddings, of the same shape.
pub(crate) fn forward(exec: &Exec<'_>, embedding: &Tensor, like: Like<'_>, hook: &mut Hook<'_>) -> Tensor {
    forward_without(&[], exec, embedding, like, hook)
}

/// The same where something is knocked out of attention.
pub(super) fn forward_without(
    knockouts: &[Write<'_>],
    exec: &Exec<'_>,
    embedding: &Tensor,
    like: Like<'_>,
    hook: &mut Hook<'_>,
) -> Tensor {
    let norm_of = |layer, stream, x: &Tensor, weights: &Option<NormWeights>| {
        let like = like.map(|streams| streams.at(layer, stream));
        norm(exec, x, like.as_ref(), weights.as_ref())
    };
    let mut resid = embedding.shallow_clone();
    for layer in 0..exec.model.architecture.layers {
        let block = &*exec.weights(layer);
        resid = hook(layer, Component::ResidPre, on(exec.device(layer), resid));
        let normed = norm_of(layer, Component::ResidPre, &resid, &block.ln1);
        let attn_out =
            norm(exec, &attention(exec, layer, block, &normed, knockouts, hook), None, block.ln1_post.as_ref());
        let attn_out = hook(layer, Component::AttnOut, attn_out);
        let (read, mid) = match exec.model.architecture.wiring {
            Wiring::Sequential => {
                let mid = hook(layer, Component::ResidMid, resid + attn_out);
                (norm_of(layer, Component::ResidMid, &mid, &block.ln2), mid)
            }
            Wiring::Parallel { norms: ParallelNorms::One } => (normed, resid + attn_out),
            Wiring::Parallel { norms: ParallelNorms::Two } => {
                (norm_of(layer, Component::ResidPre, &resid, &block.ln2), &resid + attn_out)
            }
        };
        let read = hook(layer, Component::MlpIn, read);
        let mlp_out = norm(exec, &mlp(exec, layer, block, &read, hook), None, block.ln2_post.as_ref());
        let mlp_out = hook(layer, Component::MlpOut, mlp_out);
        resid = hook(layer, Component::ResidPost, mid + mlp_out);
    }
    resid
}

fn mlp(exec: &Exec<'_>, layer: u32, block: &Block, read: &Tensor, hook: &mut Hook<'_>) -> Tensor {
    let project = |linear: &Linear| project(exec, read, linear);
    let mut activated = |x: Tensor| activate(exec, &hook(layer, Component::MlpPre, x));
    let hidden = match &block.mlp_gate {
        Some(gate) => activated(project(gate)) * project(&block.mlp_in),
        None => activated(project(&block.mlp_in)),
    };
    self::project(exec, &hook(layer, Component::MlpPost, hidden), &block.mlp_out)
}

/// In the kind of `x`, whatever that of the weights is \[.., in\] to \[.., out\].
fn project(exec: &Exec<'_>, x: &Tensor, linear: &Linear) -> Tensor {
    if linear.weight.kind() == x.kind() {
        return exec.linear(x, linear);
    }
    let product = times(exec, x, &linear.weight);
    linear.bias.as_ref().map_or_else(|| product.shallow_clone(), |bias| &product + bias.to_kind(x.kind()))
}

/// Attention's output projection \[prompts, pos, `d_model`\].
///
/// The constant part of the values is in no value but added behind the pattern, as `TransformerLens` moves it into the
/// output's bias: it shows where values are zeroed and where rows of the pattern do not add up to 1.
fn attention(
    exec: &Exec<'_>,
    layer: u32,
    block: &Block,
    normed: &Tensor,
    knockouts: &[Write<'_>],
    hook: &mut Hook<'_>,
) -> Tensor {
    let (prompts, positions, _) = normed.size3().expect("prompts, positions and width");
    let by_head = |x: &Tensor| x.reshape([prompts, positions, -1, i64::from(exec.model.architecture.d_head)]);
    let clip = exec.model.architecture.attention.clip.unwrap_or(f64::INFINITY);
    let projected = |linear: &Linear| project(exec, normed, linear).clamp(-clip, clip);
    let both = projected(&block.keys_values).chunk(2, 2);
    let q = hook(layer, Component::Q, by_head(&projected(&block.queries)));
    let k = hook(layer, Component::K, by_head(&both[0]));
    let v = hook(layer, Component::V, by_head(&both[1]) - &block.folded_values);
    let group = i64::from(exec.model.architecture.group());
    // From here on each query head has a key-value head of its own.
    let own = |x: &Tensor| if group == 1 { x.shallow_clone() } else { x.repeat_interleave_self_int(group, 2, None) };
    let [q, k] = [(&q, &block.q_norm), (&k, &block.k_norm)].map(|(x, weights)| head_norm(exec, x, weights.as_ref()));
    let [q, k] = match &exec.model.architecture.attention_of(layer).rotary {
        Some(rotary) => [rotated(rotary, &q), rotated(rotary, &k)],
        None => [q, k],
    };
    let pattern = hook(layer, Component::Pattern, pattern(exec, layer, &q, &own(&k), knockouts));
    let z = exec.product(&pattern, &own(&v).permute([0, 2, 1, 3])).permute([0, 2, 1, 3]);
    let z = hook(layer, Component::Z, z) + &block.folded_z;
    project(exec, &z.reshape([prompts, positions, -1]), &block.attn_out)
}

/// Attention probabilities \[prompts, head, dest, src\] of queries and keys \[prompts, pos, head, `d_head`\].
fn pattern(exec: &Exec<'_>, layer: u32, q: &Tensor, k: &Tensor, knockouts: &[Write<'_>]) -> Tensor {
    let attention = &exec.model.architecture.attention;
    let scale = attention.layers[layer as usize].scale;
    let kind = if q.kind() == Kind::Double { Kind::Double } else { Kind::Float };
    // Scaled first: float16 could not hold the product.
    let mut scores = exec.product(&(q * scale).permute([0, 2, 1, 3]), &k.permute([0, 2, 3, 1])).to_kind(kind);
    if let Some(cap) = attention.score_cap {
        scores = (scores / cap).tanh() * cap;
    }
    let hidden = hidden(exec, layer, &scores);
    let mut masked = scores.masked_fill(&hidden, f64::NEG_INFINITY);
    for write in knockouts.iter().filter(|write| write.layer == layer) {
        masked = masked.masked_fill(&knocked_out(write, &masked, &hidden), f64::NEG_INFINITY);
    }
    masked.softmax(-1, kind).to_kind(q.kind())
}

/// What is not attended to in the rows of scores or probabilities \[prompts, head, dest, src\]: bool \[dest, src\].
pub(super) fn hidden(exec: &Exec<'_>, layer: u32, rows: &Tensor) -> Tensor {
    let positions = rows.size()[2];
    let all = Tensor::ones([positions, positions], (Kind::Bool, rows.device()));
    let behind = all.triu(1);
    match exec.model.architecture.attention.layers[layer as usize].window {
        Some(window) => behind.logical_or(&all.tril(-i64::from(window))),
        None => behind,
    }
}

/// Queries or keys \[prompts, pos, head, `d_head`\], each position rotated by its own angle: pairs are complex numbers.
fn rotated(rotary: &Rotary, x: &Tensor) -> Tensor {
    let (width, half) = (i64::from(rotary.width), i64::from(rotary.width / 2));
    let positions = Tensor::arange(x.size()[1], (Kind::Double, x.device()));
    let frequencies = upload(&rotary.frequencies(), x.device());
    let angles = positions.unsqueeze(1) * frequencies.unsqueeze(0);
    let turn = Tensor::polar(&angles.ones_like(), &angles).unsqueeze(1);
    let turned = x.slice(-1, 0, width, 1).to_kind(Kind::Double);
    let pairs = match rotary.pairing {
        Pairing::Halves => turned.unflatten(-1, [2, half]).transpose(-1, -2),
        Pairing::Adjacent => turned.unflatten(-1, [half, 2]),
    };
    let pairs = (pairs.contiguous().view_as_complex() * turn).view_as_real();
    let turned = match rotary.pairing {
        Pairing::Halves => pairs.transpose(-1, -2).flatten(-2, -1),
        Pairing::Adjacent => pairs.flatten(-2, -1),
    };
    Tensor::cat(&[turned.to_kind(x.kind()), x.slice(-1, width, None, 1)], -1)
}

/// Over the last dimension, in the kind of `x`, if there is one; divided as it would be of `like`, where that is there.
pub(crate) fn norm(exec: &Exec<'_>, x: &Tensor, like: Option<&Tensor>, weights: Option<&NormWeights>) -> Tensor {
    let Some(weights) = weights else { return x.shallow_clone() };
    let norm = &exec.model.architecture.norm;
    if let Some(like) = like {
        // What differs goes through a linear map, so that where nothing does, nothing does behind it.
        let centred = |x: &Tensor| match norm.kind {
            NormKind::Layer => x.to_kind(Kind::Double) - mean(x),
            NormKind::Rms => x.to_kind(Kind::Double),
        };
        let mut change = (centred(x) - centred(like)) / root(&centred(like), norm.eps);
        if let Some(weight) = &weights.weight {
            change *= weight;
        }
        return (self::norm(exec, like, None, Some(weights)) + change).to_kind(x.kind());
    }
    match norm.kind {
        NormKind::Layer => {
            let in_kind = |x: &Option<Tensor>, kind: Kind| x.as_ref().map(|x| x.to_kind(kind));
            let (weight, bias) = (in_kind(&weights.weight, x.kind()), in_kind(&weights.bias, x.kind()));
            x.layer_norm([x.size()[x.dim() - 1]], weight, bias, norm.eps, false)
        }
        NormKind::Rms => root_mean_square(x, weights, norm.eps),
    }
}

/// A norm of queries or keys \[prompts, pos, head, `d_head`\], if there is one.
fn head_norm(exec: &Exec<'_>, x: &Tensor, weights: Option<&NormWeights>) -> Tensor {
    let Some(weights) = weights else { return x.shallow_clone() };
    let eps = exec.model.architecture.norm.eps;
    if exec.model.architecture.mixes_heads() {
        root_mean_square(&x.flatten(2, 3), weights, eps).view_as(x)
    } else {
        root_mean_square(x, weights, eps)
    }
}

fn root_mean_square(x: &Tensor, weights: &NormWeights, eps: f64) -> Tensor {
    weighted(x.to_kind(Kind::Double) / root(x, eps), weights).to_kind(x.kind())
}

/// The root of the mean square over the last dimension, in float64.
fn root(x: &Tensor, eps: f64) -> Tensor {
    let wide = x.to_kind(Kind::Double);
    (mean(&(&wide * &wide)) + eps).sqrt()
}

/// Over the last dimension, in float64.
fn mean(x: &Tensor) -> Tensor {
    x.mean_dim([-1i64].as_slice(), true, Kind::Double)
}

fn weighted(mut normed: Tensor, weights: &NormWeights) -> Tensor {
    if let Some(weight) = &weights.weight {
        normed *= weight;
    }
    if let Some(bias) = &weights.bias {
        normed += bias;
    }
    normed
}

/// The MLP's nonlinearity.
fn activate(exec: &Exec<'_>, x: &Tensor) -> Tensor {
    match exec.model.architecture.mlp.activation {
        Activation::GeluTanh => x.gelu("tanh"),
        Activation::Gelu => x.gelu("none"),
        Activation::Relu => x.relu(),
        Activation::Silu => x.silu(),
    }
}
