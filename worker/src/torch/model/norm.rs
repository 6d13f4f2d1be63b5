//! Layer norms and RMS norms.

use patchsweep_core::architecture::NormKind;
use tch::{Kind, Tensor};

use crate::torch::model::exec::Exec;
use crate::torch::model::parameters::NormWeights;

impl Exec<'_> {
    /// A norm over the residual stream's width, if there is one \[.., `d_model`\].
    pub(crate) fn norm(&self, x: &Tensor, weights: Option<&NormWeights>) -> Tensor {
        let Some(weights) = weights else { return x.shallow_clone() };
        let norm = &self.model.architecture.norm;
        match norm.kind {
            NormKind::Layer => layer_norm(x, weights, norm.eps),
            NormKind::Rms => rms_norm(x, weights, norm.eps),
        }
    }

    /// A norm over the residual stream's width; where `like` \[.., `d_model`\] is there, each row is divided by what that row of
    /// `like` would be divided by, in float32.
    pub(crate) fn norm_like(&self, x: &Tensor, like: Option<&Tensor>, weights: Option<&NormWeights>) -> Tensor {
        let (Some(like), Some(weights)) = (like, weights) else { return self.norm(x, weights) };
        let norm = &self.model.architecture.norm;
        let centred = |x: &Tensor| {
            let wide = x.to_kind(Kind::Float);
            match norm.kind {
                NormKind::Layer => &wide - mean(&wide),
                NormKind::Rms => wide,
            }
        };
        let normed = centred(x) * (mean(&centred(like).square()) + norm.eps).rsqrt();
        weighted(normed, weights).to_kind(x.kind())
    }

    /// The final norm, in float32 whatever the model's dtype \[rows, `d_model`\]; what the unembedding is applied to.
    ///
    /// `like`: see [`Self::norm_like`].
    pub(crate) fn final_norm(&self, resid: &Tensor, like: Option<&Tensor>) -> Tensor {
        let in_float32 = |x: &Tensor| x.to_kind(Kind::Float);
        let norm = self.model.ln_final.as_ref().map(|NormWeights { weight, bias }| NormWeights {
            weight: weight.as_ref().map(in_float32),
            bias: bias.as_ref().map(in_float32),
        });
        self.norm_like(&in_float32(resid), like, norm.as_ref())
    }

    /// A norm of queries or keys \[.., head, `d_head`\], if there is one: over each head, or over all together.
    pub(crate) fn head_norm(&self, x: &Tensor, weights: Option<&NormWeights>) -> Tensor {
        let Some(weights) = weights else { return x.shallow_clone() };
        let eps = self.model.architecture.norm.eps;
        let (heads, head) = (x.size()[x.dim() - 2], x.size()[x.dim() - 1]);
        if self.model.architecture.mixes_heads() {
            rms_norm(&x.flatten(-2, -1), weights, eps).unflatten(-1, [heads, head])
        } else {
            rms_norm(x, weights, eps)
        }
    }
}

/// Over the last dimension, in the weights' kind.
fn layer_norm(x: &Tensor, weights: &NormWeights, eps: f64) -> Tensor {
    let NormWeights { weight, bias } = weights;
    let kind = weight.as_ref().map_or(x.kind(), Tensor::kind);
    let width = x.size().last().copied().unwrap_or(0);
    let bias = bias.as_ref().map(|bias| bias.to_kind(kind));
    x.to_kind(kind).layer_norm([width], weight.as_ref(), bias.as_ref(), eps, false).to_kind(x.kind())
}

/// Over the last dimension, in float32.
fn rms_norm(x: &Tensor, weights: &NormWeights, eps: f64) -> Tensor {
    let wide = x.to_kind(Kind::Float);
    let normed = &wide * (mean(&wide.square()) + eps).rsqrt();
    weighted(normed, weights).to_kind(x.kind())
}

/// Over the last dimension, which stays with one entry.
fn mean(x: &Tensor) -> Tensor {
    x.mean_dim([-1i64].as_slice(), true, Kind::Float)
}

/// Normalised rows in float32, times the weight and plus the bias.
fn weighted(mut normed: Tensor, weights: &NormWeights) -> Tensor {
    if let Some(weight) = &weights.weight {
        normed *= weight.to_kind(Kind::Float);
    }
    if let Some(bias) = &weights.bias {
        normed += bias.to_kind(Kind::Float);
    }
    normed
}
