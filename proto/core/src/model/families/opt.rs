//! OPT: positions are learned from the third row on, and every projection has a bias.

use super::names::Names;
use super::{ConfigError, Family, Keys, Reading, TokenizerClass};
use crate::architecture::{Activation, Architecture, LearnedPositions, Sizes, Slot};

pub(super) const FAMILY: Family = Family {
    model_type: "opt",
    read,
    source: |_, parameter| NAMES.source(parameter),
    // Blocks have norms of the last one's name.
    landmark: "embed_positions.weight",
    prefixes: &["model.decoder.", "decoder.", ""],
    renamed: &[],
    is_constant: |name| name == "version",
    tokenizer: TokenizerClass::Named("GPT2Tokenizer"),
};

fn read(keys: &Keys<'_>) -> Result<Reading, ConfigError> {
    let (heads, d_model) = (keys.size("num_attention_heads", 12)?, keys.size("hidden_size", 768)?);
    let sizes = Sizes {
        layers: keys.size("num_hidden_layers", 12)?,
        heads,
        d_model,
        d_mlp: keys.size("ffn_dim", 3072)?,
        d_vocab: keys.size("vocab_size", 50272)?,
        n_ctx: keys.size("max_position_embeddings", 2048)?,
    };
    if heads == 0 || !d_model.is_multiple_of(heads) {
        return Err(keys.refused("num_attention_heads", ": it must divide `hidden_size`"));
    }
    if !keys.flag("do_layer_norm_before", true)? {
        let hint =
            ": norms of the residual stream itself, as in opt-350m, are not computed here; the other sizes have none";
        return Err(keys.refused("do_layer_norm_before", hint));
    }
    if keys.size_or_null("word_embed_proj_dim", None)?.is_some_and(|width| width != d_model) {
        let hint = ": projections between embedding and blocks, as in opt-350m, are not computed here; the other sizes have none";
        return Err(keys.refused("word_embed_proj_dim", hint));
    }
    let mut model = Architecture::plain(sizes);
    model.embed.positions = Some(LearnedPositions { offset: 2 });
    let bias = keys.flag("enable_bias", true)?;
    (model.attention.qkv_bias, model.attention.output_bias, model.mlp.bias) = (bias, bias, bias);
    let affine = keys.flag("layer_norm_elementwise_affine", true)?;
    (model.norm.weight, model.norm.bias) = (affine, affine);
    model.mlp.activation = keys.activation("activation_function", Activation::Relu)?;
    model.readout.norm = !keys.flag("_remove_final_layer_norm", false)?;
    model.readout.tied = keys.flag("tie_word_embeddings", true)?;
    Ok(model.into())
}

const NAMES: Names = Names {
    blocks: "layers.",
    block: &[
        (Slot::Ln1, "self_attn_layer_norm"),
        (Slot::Q, "self_attn.q_proj"),
        (Slot::K, "self_attn.k_proj"),
        (Slot::V, "self_attn.v_proj"),
        (Slot::O, "self_attn.out_proj"),
        (Slot::Ln2, "final_layer_norm"),
        (Slot::In, "fc1"),
        (Slot::Out, "fc2"),
    ],
    around: &[
        (Slot::Embed, "embed_tokens"),
        (Slot::PosEmbed, "embed_positions"),
        (Slot::LnFinal, "final_layer_norm"),
        (Slot::Unembed, "lm_head"),
    ],
};
