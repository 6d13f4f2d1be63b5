//! GPT-2's forward pass over one prompt, with `TransformerLens`' hooks.

use ndarray::{Array, Array1, Array2, Array3, ArrayD, Dimension, s};
use patchsweep_core::grid::Component;

use super::Gpt2;
use super::hooks::Hook;
use super::layers::activate;
use super::model::Block;

impl Gpt2 {
    /// Token and position embeddings \[positions, `d_model`\].
    pub(super) fn embed(&self, tokens: &[u32]) -> Array2<f64> {
        let mut embedding = Array2::zeros((tokens.len(), self.embed.ncols()));
        for (pos, &token) in tokens.iter().enumerate() {
            embedding.row_mut(pos).assign(&(&self.embed.row(token as usize) + &self.pos_embed.row(pos)));
        }
        embedding
    }

    /// Logits \[positions, vocabulary\] of one prompt's embedding \[positions, `d_model`\].
    pub(super) fn forward(&self, embedding: &Array2<f64>, hook: &mut Hook<'_>) -> Array2<f64> {
        let mut resid = embedding.clone();
        for (layer, block) in (0..).zip(&self.blocks) {
            resid = hooked(hook, Component::ResidPre, layer, resid);
            let attn_out = self.attention(layer, block, &resid, hook);
            let attn_out = hooked(hook, Component::AttnOut, layer, attn_out);
            resid = hooked(hook, Component::ResidMid, layer, resid + attn_out);
            let hidden =
                block.mlp_in.of(&block.ln_2.of(&resid)).mapv(|x| activate(self.config.architecture.mlp.activation, x));
            let mlp_out = hooked(hook, Component::MlpOut, layer, block.mlp_out.of(&hidden));
            resid = hooked(hook, Component::ResidPost, layer, resid + mlp_out);
        }
        self.ln_final.of(&resid).dot(&self.unembed.t())
    }

    /// What attention adds to the residual stream \[positions, `d_model`\].
    fn attention(&self, layer: u32, block: &Block, resid: &Array2<f64>, hook: &mut Hook<'_>) -> Array2<f64> {
        let (width, heads) = (resid.ncols(), self.config.architecture.heads as usize);
        let projected = block.attn_in.of(&block.ln_1.of(resid));
        let part = |which: usize| {
            let columns = projected.slice(s![.., which * width..(which + 1) * width]);
            split_heads(&columns.to_owned(), heads)
        };
        // TransformerLens moves the constant part of the values, that of attention weights that add up to 1, into the
        // output's bias. It shows where values are zeroed and where rows of the pattern no longer add up to 1.
        let constant = value_constant(block);
        let constant_per_position = constant.broadcast((resid.nrows(), width)).expect("one row for all").to_owned();
        let q = hooked(hook, Component::Q, layer, part(0));
        let k = hooked(hook, Component::K, layer, part(1));
        let v = hooked(hook, Component::V, layer, part(2) - split_heads(&constant_per_position, heads));
        let pattern = hooked(hook, Component::Pattern, layer, self.pattern(layer, &q, &k));
        let z = hooked(hook, Component::Z, layer, weighted_values(&pattern, &v));
        let z = z.into_shape_with_order((resid.nrows(), width)).expect("all heads side by side");
        block.attn_out.of(&z) + constant.dot(&block.attn_out.weight)
    }

    /// Attention probabilities \[head, dest, src\] of queries and keys \[pos, head, `d_head`\].
    fn pattern(&self, layer: u32, q: &Array3<f64>, k: &Array3<f64>) -> Array3<f64> {
        let (positions, heads, _) = q.dim();
        let scale = self.config.architecture.attention_of(layer).scale;
        let mut pattern = Array3::zeros((heads, positions, positions));
        for head in 0..heads {
            for dest in 0..positions {
                let score = |src| scale * q.slice(s![dest, head, ..]).dot(&k.slice(s![src, head, ..]));
                let scores: Array1<f64> = (0..=dest).map(score).collect();
                let largest = scores.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                let weights = scores.mapv(|score| (score - largest).exp());
                pattern.slice_mut(s![head, dest, ..=dest]).assign(&(&weights / weights.sum()));
            }
        }
        pattern
    }
}

/// Runs the hook on an activation, which keeps its shape.
fn hooked<D: Dimension>(hook: &mut Hook<'_>, component: Component, layer: u32, x: Array<f64, D>) -> Array<f64, D> {
    let mut activation: ArrayD<f64> = x.into_dyn();
    hook(component, layer, &mut activation);
    activation.into_dimensionality().expect("a hook keeps the number of dimensions")
}

/// \[pos, `d_model`\] as \[pos, head, `d_head`\].
fn split_heads(x: &Array2<f64>, heads: usize) -> Array3<f64> {
    let shape = (x.nrows(), heads, x.ncols() / heads);
    x.to_shape(shape).expect("heads divide the width").to_owned()
}

/// What each position's value has whatever its input: `b_V + ln_1.bias W_V` \[`d_model`\]. Not `b_V` alone, because
/// `TransformerLens` folds the layer norm first.
fn value_constant(block: &Block) -> Array1<f64> {
    let width = block.ln_1.bias.len();
    let (weight, bias) = (block.attn_in.weight.slice(s![.., 2 * width..]), block.attn_in.bias.slice(s![2 * width..]));
    block.ln_1.bias.dot(&weight) + bias
}

/// z \[pos, head, `d_head`\]: for each head, the pattern \[head, dest, src\] times the values \[pos, head, `d_head`\].
fn weighted_values(pattern: &Array3<f64>, v: &Array3<f64>) -> Array3<f64> {
    let mut z = Array3::zeros(v.dim());
    for head in 0..v.dim().1 {
        let of_head = pattern.slice(s![head, .., ..]).dot(&v.slice(s![.., head, ..]));
        z.slice_mut(s![.., head, ..]).assign(&of_head);
    }
    z
}
