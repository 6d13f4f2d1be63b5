//! The tensors of a GPT-2, by Hugging Face's names and shapes.

use patchsweep_core::model::ModelShape;

/// The embedding's name.
pub(crate) const EMBEDDING: &str = "wte.weight";
/// The unembedding's, where it is a tensor of its own.
pub(crate) const HEAD: &str = "lm_head.weight";
/// A tensor that every GPT-2 has once: what stands before it stands before all.
pub(crate) const LANDMARK: &str = "ln_f.weight";

/// All tensors but embedding and unembedding.
pub(crate) fn tensors(shape: &ModelShape) -> Vec<(String, Vec<usize>)> {
    let [width, inner, positions] = [shape.d_model, shape.d_mlp, shape.n_ctx].map(|size| size as usize);
    let of_block = [
        ("ln_1.weight", vec![width]),
        ("ln_1.bias", vec![width]),
        ("attn.c_attn.weight", vec![width, 3 * width]),
        ("attn.c_attn.bias", vec![3 * width]),
        ("attn.c_proj.weight", vec![width, width]),
        ("attn.c_proj.bias", vec![width]),
        ("ln_2.weight", vec![width]),
        ("ln_2.bias", vec![width]),
        ("mlp.c_fc.weight", vec![width, inner]),
        ("mlp.c_fc.bias", vec![inner]),
        ("mlp.c_proj.weight", vec![inner, width]),
        ("mlp.c_proj.bias", vec![width]),
    ];
    let block = |layer: u32| of_block.clone().map(|(name, tensor_shape)| (format!("h.{layer}.{name}"), tensor_shape));
    let blocks = (0..shape.layers).flat_map(block);
    let others = [("wpe.weight", vec![positions, width]), (LANDMARK, vec![width]), ("ln_f.bias", vec![width])];
    blocks.chain(others.map(|(name, tensor_shape)| (name.to_owned(), tensor_shape))).collect()
}

/// Whether a tensor is the causal mask of a block, or the number that stood for minus infinity beside it. Old releases of
/// transformers saved these constants with the weights.
pub(crate) fn is_mask(name: &str) -> bool {
    let block = name.strip_prefix("h.").and_then(|rest| rest.split_once('.'));
    block.is_some_and(|(layer, part)| layer.parse::<u32>().is_ok() && matches!(part, "attn.bias" | "attn.masked_bias"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_no_biases() {
        assert!(is_mask("h.0.attn.bias") && is_mask("h.11.attn.masked_bias"));
        for name in ["h.0.attn.c_attn.bias", "h.0.ln_1.bias", "attn.bias", "h.x.attn.bias", "v_head.attn.bias"] {
            assert!(!is_mask(name), "{name}");
        }
    }
}
