//! The architecture that others are described as changes of.

use super::{
    Activation, Architecture, Attention, Embed, LayerAttention, LearnedPositions, Mlp, Norm, NormKind, NormPlace,
    QkNorm, Readout, Wiring,
};

/// Sizes of a model whose heads divide the width among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Blocks.
    pub layers: u32,
    /// Attention heads per block.
    pub heads: u32,
    /// Width of the residual stream.
    pub d_model: u32,
    /// Width of an MLP's hidden layer.
    pub d_mlp: u32,
    /// Entries of the vocabulary.
    pub d_vocab: u32,
    /// Longest prompt, in tokens.
    pub n_ctx: u32,
}

/// Most layers that are described one by one; more are refused by their number.
const MOST_DESCRIBED: u32 = 1 << 12;

impl Architecture {
    /// Of Radford et al., "Language Models are Unsupervised Multitask Learners" (2019): sequential blocks with layer norms
    /// before attention and MLP, learned positions, biases everywhere, and the embedding as unembedding.
    #[must_use]
    pub fn plain(sizes: Sizes) -> Self {
        let Sizes { layers, heads, d_model, d_mlp, d_vocab, n_ctx } = sizes;
        let d_head = d_model / heads.max(1);
        let attention = LayerAttention { scale: 1.0 / f64::from(d_head).sqrt(), window: None, rotary: None };
        let described = layers.min(MOST_DESCRIBED) as usize;
        Self {
            layers,
            d_model,
            d_vocab,
            n_ctx,
            heads,
            kv_heads: heads,
            d_head,
            d_mlp,
            embed: Embed { positions: Some(LearnedPositions { offset: 0 }), scale: 1.0 },
            wiring: Wiring::Sequential,
            norm: Norm {
                kind: NormKind::Layer,
                eps: 1e-5,
                weight: true,
                bias: true,
                offset: 0.0,
                place: NormPlace::Before,
            },
            attention: Attention {
                qkv_bias: true,
                output_bias: true,
                clip: None,
                qk_norm: QkNorm::None,
                score_cap: None,
                layers: vec![attention; described],
            },
            mlp: Mlp { gated: false, activation: Activation::GeluTanh, bias: true },
            readout: Readout { norm: true, cap: None, tied: true, bias: false },
        }
    }
}
