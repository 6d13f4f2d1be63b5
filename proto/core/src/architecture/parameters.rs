//! A model's parameters: which there are, what they are called here, and their shapes.

use std::fmt;

use super::{Architecture, NormPlace, ParallelNorms, QkNorm, Wiring};

/// One tensor of a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parameter {
    /// Of a block; `None`: of what is around the blocks.
    pub layer: Option<u32>,
    /// What it belongs to.
    pub slot: Slot,
    /// Weight or bias of it.
    pub part: Part,
    /// Of matrices \[out, in\].
    pub shape: Vec<u32>,
}

/// Where parameters belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Token embedding \[`d_vocab`, `d_model`\].
    Embed,
    /// Embedding of positions \[`n_ctx` + offset, `d_model`\].
    PosEmbed,
    /// Norm of what attention reads; of both attention and MLP where there is one for both.
    Ln1,
    /// Norm of what attention adds.
    Ln1Post,
    /// Query projection \[heads · `d_head`, `d_model`\].
    Q,
    /// Key projection \[`kv_heads` · `d_head`, `d_model`\].
    K,
    /// Value projection \[`kv_heads` · `d_head`, `d_model`\].
    V,
    /// Norm of queries.
    QNorm,
    /// Norm of keys.
    KNorm,
    /// Output projection of attention \[`d_model`, heads · `d_head`\].
    O,
    /// Norm of what the MLP reads.
    Ln2,
    /// Norm of what the MLP adds.
    Ln2Post,
    /// Gate projection \[`d_mlp`, `d_model`\].
    Gate,
    /// Input projection of the MLP \[`d_mlp`, `d_model`\].
    In,
    /// Output projection of the MLP \[`d_model`, `d_mlp`\].
    Out,
    /// Norm before the unembedding.
    LnFinal,
    /// Unembedding \[`d_vocab`, `d_model`\].
    Unembed,
}

/// Parts of what is linear or normalises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What entries are multiplied by.
    Weight,
    /// What is added then.
    Bias,
}

impl Slot {
    /// As in a parameter's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::PosEmbed => "pos_embed",
            Self::Ln1 => "ln1",
            Self::Ln1Post => "ln1_post",
            Self::Q => "attn.q",
            Self::K => "attn.k",
            Self::V => "attn.v",
            Self::QNorm => "attn.q_norm",
            Self::KNorm => "attn.k_norm",
            Self::O => "attn.o",
            Self::Ln2 => "ln2",
            Self::Ln2Post => "ln2_post",
            Self::Gate => "mlp.gate",
            Self::In => "mlp.in",
            Self::Out => "mlp.out",
            Self::LnFinal => "ln_final",
            Self::Unembed => "unembed",
        }
    }
}

/// For instance `blocks.3.attn.q.weight`.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(layer) = self.layer {
            write!(f, "blocks.{layer}.")?;
        }
        let part = match self.part {
            Part::Weight => "weight",
            Part::Bias => "bias",
        };
        write!(f, "{}.{part}", self.slot.name())
    }
}

impl Architecture {
    /// All parameters. The unembedding's weight is one of them although it may be the embedding's.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let blocks = (0..self.layers).flat_map(|layer| self.parameters_of(layer));
        self.parameters_around().into_iter().chain(blocks).collect()
    }

    /// Those around the blocks.
    #[must_use]
    pub fn parameters_around(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        let mut around = |slot, sizes: &[u32], has: [bool; 2]| add(&mut all, None, slot, sizes, has);
        around(Slot::Embed, &[self.d_vocab, self.d_model], [true, false]);
        if let Some(positions) = self.embed.positions {
            around(Slot::PosEmbed, &[self.n_ctx + positions.offset, self.d_model], [true, false]);
        }
        if self.readout.norm {
            around(Slot::LnFinal, &[self.d_model], [self.norm.weight, self.norm.bias]);
        }
        around(Slot::Unembed, &[self.d_vocab, self.d_model], [true, self.readout.bias]);
        all
    }

    /// Those of one block.
    #[must_use]
    pub fn parameters_of(&self, layer: u32) -> Vec<Parameter> {
        let mut all = Vec::new();
        for (slot, sizes, has) in self.block() {
            add(&mut all, Some(layer), slot, &sizes, has);
        }
        all
    }

    /// Whether there is this norm, be it one without parameters.
    #[must_use]
    pub fn has_norm(&self, slot: Slot) -> bool {
        let (before, after) = (self.norm.place != NormPlace::After, self.norm.place != NormPlace::Before);
        match slot {
            Slot::Ln1 => before,
            Slot::Ln2 => before && self.wiring != Wiring::Parallel { norms: ParallelNorms::One },
            Slot::Ln1Post | Slot::Ln2Post => after,
            Slot::QNorm | Slot::KNorm => self.attention.qk_norm != QkNorm::None,
            Slot::LnFinal => self.readout.norm,
            _ => false,
        }
    }

    /// What each block has: slot, shape of its weight, and whether there are weight and bias.
    fn block(&self) -> Vec<(Slot, Vec<u32>, [bool; 2])> {
        let (width, queries, keys) = (self.d_model, self.d_queries(), self.d_keys());
        let (norm, attention, mlp) = (&self.norm, &self.attention, &self.mlp);
        let mut block = Vec::new();
        for slot in [Slot::Ln1, Slot::Ln1Post, Slot::Ln2, Slot::Ln2Post] {
            if self.has_norm(slot) {
                block.push((slot, vec![width], [norm.weight, norm.bias]));
            }
        }
        block.push((Slot::Q, vec![queries, width], [true, attention.qkv_bias]));
        block.push((Slot::K, vec![keys, width], [true, attention.qkv_bias]));
        block.push((Slot::V, vec![keys, width], [true, attention.qkv_bias]));
        let qk_norm = match attention.qk_norm {
            QkNorm::None => None,
            QkNorm::PerHead => Some([self.d_head; 2]),
            QkNorm::Whole => Some([queries, keys]),
        };
        if let Some([queries, keys]) = qk_norm {
            block.push((Slot::QNorm, vec![queries], [true, false]));
            block.push((Slot::KNorm, vec![keys], [true, false]));
        }
        block.push((Slot::O, vec![width, queries], [true, attention.output_bias]));
        if mlp.gated {
            block.push((Slot::Gate, vec![self.d_mlp, width], [true, mlp.bias]));
        }
        block.push((Slot::In, vec![self.d_mlp, width], [true, mlp.bias]));
        block.push((Slot::Out, vec![width, self.d_mlp], [true, mlp.bias]));
        block
    }
}

/// Adds weight and bias of a slot, as far as there are.
fn add(all: &mut Vec<Parameter>, layer: Option<u32>, slot: Slot, sizes: &[u32], [weight, bias]: [bool; 2]) {
    if weight {
        all.push(Parameter { layer, slot, part: Part::Weight, shape: sizes.to_vec() });
    }
    if bias {
        all.push(Parameter { layer, slot, part: Part::Bias, shape: sizes[..1].to_vec() });
    }
}
