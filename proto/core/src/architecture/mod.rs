//! A decoder-only transformer, described by data.
//!
//! Code that computes, counts or checks reads the description; no code but a family's own reader of `config.json` knows which
//! family a model is of. Names are `TransformerLens`' where it has one.

mod parameters;
mod plain;
mod refuse;
mod rotary;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

pub use parameters::{Parameter, Part, Slot};
pub use plain::Sizes;
pub use refuse::Unsupported;
pub use rotary::{Pairing, Rotary, Scaling};

/// Everything that decides what a model's parameters mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Blocks.
    pub layers: u32,
    /// Width of the residual stream.
    pub d_model: u32,
    /// Entries of the vocabulary.
    pub d_vocab: u32,
    /// Longest prompt, in tokens.
    pub n_ctx: u32,
    /// Query heads of a block.
    pub heads: u32,
    /// Key-value heads of a block; divides `heads`. Query head h reads key-value head h / (heads / `kv_heads`).
    pub kv_heads: u32,
    /// Width of a head.
    pub d_head: u32,
    /// Width of an MLP's hidden layer.
    pub d_mlp: u32,
    /// From tokens to the residual stream.
    pub embed: Embed,
    /// How attention and MLP of a block are put together.
    pub wiring: Wiring,
    /// All norms but those of queries and keys.
    pub norm: Norm,
    /// Attention.
    pub attention: Attention,
    /// MLPs.
    pub mlp: Mlp,
    /// From the residual stream to logits.
    pub readout: Readout,
}

/// The first residual stream: token embedding times `scale`, plus the position's embedding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embed {
    /// Learned embeddings of positions; `None`: there are none.
    pub positions: Option<LearnedPositions>,
    /// The token embedding is multiplied by this.
    pub scale: f64,
}

/// A table of `n_ctx` + `offset` rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedPositions {
    /// Row of position 0.
    pub offset: u32,
}

/// How a block adds to the residual stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Wiring {
    /// First attention, then the MLP, which reads what attention has added.
    Sequential,
    /// Both read the block's input: there is no `resid_mid`.
    Parallel {
        /// What normalises it for them.
        norms: ParallelNorms,
    },
}

/// Norms before attention and MLP of a parallel block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParallelNorms {
    /// One that both read.
    One,
    /// One for each.
    Two,
}

/// Norms over the residual stream's width.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Norm {
    /// What is computed.
    pub kind: NormKind,
    /// Added to the variance, or to the mean square.
    pub eps: f64,
    /// Whether there is a weight for each entry.
    pub weight: bool,
    /// Whether there is a bias for each entry.
    pub bias: bool,
    /// Added to each weight.
    pub offset: f64,
    /// Where blocks have them.
    pub place: NormPlace,
}

/// What a norm computes of x, before weight and bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// (x - mean) / sqrt(variance + eps), after Ba et al., "Layer Normalization" (2016).
    Layer,
    /// x / sqrt(mean of x² + eps), after Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019).
    Rms,
}

/// Which norms a block has around attention and MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormPlace {
    /// Of what they read.
    Before,
    /// Of what they read, and of what they add to the residual stream.
    BeforeAndAfter,
    /// Of what they add to the residual stream.
    After,
}

/// Causal attention: softmax(cap(scale · q · k)) · v.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attention {
    /// Whether the projections of queries, keys and values have biases.
    pub qkv_bias: bool,
    /// Whether the output projection has a bias.
    pub output_bias: bool,
    /// Queries, keys and values are kept between this and its negative, as they are projected.
    #[serde(default)]
    pub clip: Option<f64>,
    /// RMS norms of queries and keys, before they are rotated, with the other norms' `eps` and `offset`.
    pub qk_norm: QkNorm,
    /// Scores become c · tanh(score / c), before the mask.
    pub score_cap: Option<f64>,
    /// One for each layer.
    pub layers: Vec<LayerAttention>,
}

/// Over what queries and keys are normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QkNorm {
    /// They are not.
    None,
    /// Each head by itself, with the same weights \[`d_head`\].
    PerHead,
    /// All heads together, with weights \[heads · `d_head`\].
    Whole,
}

/// What may differ between layers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerAttention {
    /// Scores are multiplied by this, before the cap.
    pub scale: f64,
    /// So many positions are attended to: the own one and those before it; `None`: all.
    pub window: Option<u32>,
    /// How queries and keys are rotated; `None`: they are not.
    pub rotary: Option<Rotary>,
}

/// out(activation(in(x))), or out(activation(gate(x)) · in(x)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mlp {
    /// Whether there is a gate.
    pub gated: bool,
    /// The nonlinearity.
    pub activation: Activation,
    /// Whether all its projections have biases.
    pub bias: bool,
}

/// Logits: cap(unembed(norm(x))).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readout {
    /// Whether a norm comes first.
    pub norm: bool,
    /// Logits become c · tanh(logit / c).
    pub cap: Option<f64>,
    /// Whether the config says that the unembedding is the embedding. A file's own unembedding counts nevertheless.
    pub tied: bool,
    /// Whether the unembedding has a bias.
    pub bias: bool,
}

/// Nonlinearities, by Hugging Face's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// GELU in the tanh approximation.
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh", alias = "gelu_fast")]
    GeluTanh,
    /// GELU with the error function.
    #[serde(rename = "gelu")]
    Gelu,
    /// max(x, 0).
    #[serde(rename = "relu")]
    Relu,
    /// x · sigmoid(x).
    #[serde(rename = "silu", alias = "swish")]
    Silu,
}

impl Architecture {
    /// What is particular about a layer's attention.
    ///
    /// # Panics
    /// When there is no such layer.
    #[must_use]
    pub fn attention_of(&self, layer: u32) -> &LayerAttention {
        &self.attention.layers[layer as usize]
    }

    /// The positions that one attends to in a layer: itself and those before it, as far as the layer's window goes.
    ///
    /// # Panics
    /// When there is no such layer.
    #[must_use]
    pub fn attended(&self, layer: u32, pos: u32) -> RangeInclusive<u32> {
        let window = self.attention_of(layer).window.unwrap_or(u32::MAX);
        pos.saturating_add(1).saturating_sub(window)..=pos
    }

    /// Whether a position attends to some of these, ascending, and to others besides, so that they can be knocked out.
    ///
    /// # Panics
    /// When there is no such layer.
    #[must_use]
    pub fn knocks_out_some(&self, layer: u32, pos: u32, sources: &[u32]) -> bool {
        let attended = self.attended(layer, pos);
        let before = |first: u32| sources.partition_point(|&source| source < first);
        let count = before(pos + 1) - before(*attended.start());
        count > 0 && count < (pos + 1 - attended.start()) as usize
    }

    /// Query heads that read one key-value head.
    #[must_use]
    pub fn group(&self) -> u32 {
        self.heads / self.kv_heads.max(1)
    }

    /// Width of all query heads side by side.
    #[must_use]
    pub fn d_queries(&self) -> u32 {
        self.heads * self.d_head
    }

    /// Width of all key heads, or value heads, side by side.
    #[must_use]
    pub fn d_keys(&self) -> u32 {
        self.kv_heads * self.d_head
    }

    /// Whether attention and MLP of a block both read what comes into it.
    #[must_use]
    pub fn is_parallel(&self) -> bool {
        self.wiring != Wiring::Sequential
    }

    /// Whether a patch of one head's queries or keys changes those of the others.
    #[must_use]
    pub fn mixes_heads(&self) -> bool {
        self.attention.qk_norm == QkNorm::Whole
    }

    /// Whether what attention and MLP add to the residual stream is normalised before.
    #[must_use]
    pub fn has_post_norms(&self) -> bool {
        self.norm.place != NormPlace::Before
    }

    /// How many numbers all parameters are; an unembedding that is tied to the embedding counts once.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        let is_tied = |p: &Parameter| self.readout.tied && (p.slot, p.part) == (Slot::Unembed, Part::Weight);
        let numbers = |p: &Parameter| p.shape.iter().map(|&size| u64::from(size)).fold(1, u64::saturating_mul);
        let all = self.parameters();
        all.iter().filter(|p| !is_tied(p)).map(numbers).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests;
