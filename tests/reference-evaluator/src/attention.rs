//! Attention of one block over one prompt.

use ndarray::{Array1, Array2, Array3, ArrayView2, s};
use patchsweep_core::architecture::{Architecture, QkNorm};
use patchsweep_core::grid::Component;

use crate::hooks::{Hook, hooked};
use crate::layers::{Linear, Norm, capped};
use crate::model::{Block, Model};
use crate::rotary::rotated;

/// What attention makes of its normalised input \[positions, `d_model`\], before a norm that comes after it.
pub(crate) fn out(
    architecture: &Architecture,
    layer: u32,
    block: &Block,
    input: &Array2<f64>,
    hook: &mut Hook<'_>,
) -> Array2<f64> {
    let (heads, kv_heads) = (architecture.heads as usize, architecture.kv_heads as usize);
    // TransformerLens moves the constant part of the values, that of attention weights that add up to 1, into the
    // output's bias. It shows where values are zeroed and where rows of the pattern no longer add up to 1.
    let clip = architecture.attention.clip;
    let projected = |linear: &Linear, heads| split_heads(clipped(clip, linear.of(input)), heads);
    let constant = split_heads(clipped(clip, value_constant(block)), kv_heads);
    let q = hooked(hook, Component::Q, layer, projected(&block.q, heads));
    let k = hooked(hook, Component::K, layer, projected(&block.k, kv_heads));
    let v = hooked(hook, Component::V, layer, projected(&block.v, kv_heads) - &constant);
    let pattern = pattern(architecture, layer, block, q, k);
    let pattern = hooked(hook, Component::Pattern, layer, pattern);
    let z = hooked(hook, Component::Z, layer, weighted_values(&pattern, &v));
    let whole = z + for_queries(&constant, heads);
    block.o.of(&join_heads(&whole))
}

/// Between a bound and its negative, if there is one.
fn clipped(clip: Option<f64>, projected: Array2<f64>) -> Array2<f64> {
    match clip {
        Some(clip) => projected.mapv(|entry| entry.min(clip).max(-clip)),
        None => projected,
    }
}

/// Attention probabilities \[head, dest, src\] of queries \[pos, head, `d_head`\] and keys \[pos, kv-head, `d_head`\].
fn pattern(architecture: &Architecture, layer: u32, block: &Block, q: Array3<f64>, k: Array3<f64>) -> Array3<f64> {
    let of_layer = architecture.attention_of(layer);
    let prepared = |x: Array3<f64>, norm: Option<&Norm>| {
        let x = match norm {
            Some(norm) => head_normed(architecture.attention.qk_norm, norm, x),
            None => x,
        };
        of_layer.rotary.iter().fold(x, |x, rotary| rotated(rotary, x))
    };
    let (q, k) = (prepared(q, block.q_norm.as_ref()), prepared(k, block.k_norm.as_ref()));
    let (positions, heads, _) = q.dim();
    let k = for_queries(&k, heads);
    let mut pattern = Array3::zeros((heads, positions, positions));
    for head in 0..heads {
        for dest in 0..positions {
            let first = of_layer.window.map_or(0, |window| (dest + 1).saturating_sub(window as usize));
            let score = |src| of_layer.scale * q.slice(s![dest, head, ..]).dot(&k.slice(s![src, head, ..]));
            let scores: Array1<f64> =
                (first..=dest).map(|src| capped(architecture.attention.score_cap, score(src))).collect();
            let largest = scores.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            let weights = scores.mapv(|score| (score - largest).exp());
            pattern.slice_mut(s![head, dest, first..=dest]).assign(&(&weights / weights.sum()));
        }
    }
    pattern
}

/// Queries or keys \[pos, head, `d_head`\], each head or all of a position normalised.
fn head_normed(over: QkNorm, norm: &Norm, x: Array3<f64>) -> Array3<f64> {
    let heads = x.dim().1;
    match over {
        QkNorm::None => x,
        QkNorm::PerHead => norm.of(&x),
        QkNorm::Whole => split_heads(norm.of(&join_heads(&x)), heads),
    }
}

/// \[pos, heads · `d_head`\] as \[pos, head, `d_head`\].
fn split_heads(x: Array2<f64>, heads: usize) -> Array3<f64> {
    let shape = (x.nrows(), heads, x.ncols() / heads);
    x.into_shape_with_order(shape).expect("heads divide the width")
}

/// All heads side by side.
fn join_heads(x: &Array3<f64>) -> Array2<f64> {
    let (positions, heads, width) = x.dim();
    let x = x.as_standard_layout().into_owned();
    x.into_shape_with_order((positions, heads * width)).expect("as many entries")
}

/// Of key-value heads \[pos, kv-head, `d_head`\], those that each query head reads \[pos, head, `d_head`\].
fn for_queries(x: &Array3<f64>, heads: usize) -> Array3<f64> {
    let (positions, kv_heads, width) = x.dim();
    Array3::from_shape_fn((positions, heads, width), |(pos, head, entry)| x[[pos, head / (heads / kv_heads), entry]])
}

/// What a value is where the normalised part of the input is 0: `b_V + ln1.bias W_V` \[1, `kv_heads` · `d_head`\]. Not `b_V`
/// alone, because `TransformerLens` folds the norm first.
fn value_constant(block: &Block) -> Array2<f64> {
    let width = block.v.weight.ncols();
    let bias = block.ln1.as_ref().and_then(|norm| norm.bias.clone()).unwrap_or_else(|| Array1::zeros(width));
    block.v.of(&bias.insert_axis(ndarray::Axis(0)))
}

/// That of all query heads of a layer, one behind the other \[heads · `d_head`\].
pub(crate) fn value_constants(model: &Model, layer: u32) -> Array1<f64> {
    let architecture = &model.architecture;
    let constant = clipped(architecture.attention.clip, value_constant(&model.blocks[layer as usize]));
    let by_head = for_queries(&split_heads(constant, architecture.kv_heads as usize), architecture.heads as usize);
    join_heads(&by_head).row(0).to_owned()
}

/// z \[pos, head, `d_head`\]: for each head, the pattern \[head, dest, src\] times the values \[pos, kv-head, `d_head`\].
fn weighted_values(pattern: &Array3<f64>, v: &Array3<f64>) -> Array3<f64> {
    let v = for_queries(v, pattern.dim().0);
    let mut z = Array3::zeros(v.dim());
    let are_finite = v.iter().all(|value| value.is_finite());
    for head in 0..v.dim().1 {
        let (pattern, v) = (pattern.slice(s![head, .., ..]), v.slice(s![.., head, ..]));
        let of_head = if are_finite { pattern.dot(&v) } else { product_of_those_seen(&pattern, &v) };
        z.slice_mut(s![.., head, ..]).assign(&of_head);
    }
    z
}

/// What is not attended to is not read, whatever it is; 0 times infinity is no number.
fn product_of_those_seen(pattern: &ArrayView2<'_, f64>, v: &ArrayView2<'_, f64>) -> Array2<f64> {
    let mut z = Array2::zeros((pattern.nrows(), v.ncols()));
    for ((dest, src), &weight) in pattern.indexed_iter().filter(|(_, weight)| **weight != 0.0) {
        z.row_mut(dest).scaled_add(weight, &v.row(src));
    }
    z
}
