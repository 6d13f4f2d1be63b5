//! A model's parameters on a device.

use std::cell::OnceCell;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::digest::Digest;
use patchsweep_core::weights::Placement;
use patchsweep_files::ModelError;
use tch::Tensor;

use crate::torch::devices::Layers;
use crate::torch::model::ahead::Streamed;

/// A loaded model; nothing changes it. Matrices are \[out, in\], so that some of a matrix's outputs are a view of it.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) architecture: Architecture,
    pub(crate) digest: Digest,
    /// On which devices they are.
    pub(crate) layers: Layers,
    /// What readers of its scores should know of the weights.
    pub(crate) notes: Vec<String>,
    /// \[vocabulary, `d_model`\]
    pub(crate) embed: Tensor,
    /// Sample standard deviation of all entries of `embed`, scaled, once somebody has asked for it.
    pub(crate) embed_deviation: OnceCell<f64>,
    /// From position 0 on \[`n_ctx`, `d_model`\].
    pub(crate) pos_embed: Option<Tensor>,
    pub(crate) blocks: Blocks,
    pub(crate) ln_final: Option<NormWeights>,
    /// \[vocabulary, `d_model`\]
    pub(crate) unembed: Tensor,
    /// \[vocabulary\]
    pub(crate) unembed_bias: Option<Tensor>,
}

/// Where a model's blocks are.
#[derive(Debug)]
pub(crate) enum Blocks {
    /// On the device, layer by layer.
    Resident(Vec<Block>),
    /// In their files, from which each comes when a run gets to it.
    Streamed(Streamed),
}

/// Weight and bias of a norm, each of its width. The weight has the norm's offset in it.
#[derive(Debug)]
pub(crate) struct NormWeights {
    pub(crate) weight: Option<Tensor>,
    pub(crate) bias: Option<Tensor>,
}

/// Weight \[out, in\] and bias \[out\].
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) weight: Tensor,
    pub(crate) bias: Option<Tensor>,
}

/// What is not in a block, its architecture does not have.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) ln1: Option<NormWeights>,
    pub(crate) queries: Linear,
    /// Keys and values side by side.
    pub(crate) keys_values: Linear,
    /// Of one head, or of all.
    pub(crate) q_norm: Option<NormWeights>,
    pub(crate) k_norm: Option<NormWeights>,
    pub(crate) attn_out: Linear,
    pub(crate) ln1_post: Option<NormWeights>,
    /// What `TransformerLens` moves from the values into the output bias \[key-value head, `d_head`\]:
    /// `b_V + ln1.bias W_V`.
    pub(crate) folded_values: Tensor,
    /// The same for each query head \[head, `d_head`\].
    pub(crate) folded_z: Tensor,
    pub(crate) ln2: Option<NormWeights>,
    pub(crate) mlp_gate: Option<Linear>,
    pub(crate) mlp_in: Linear,
    pub(crate) mlp_out: Linear,
    pub(crate) ln2_post: Option<NormWeights>,
}

impl Linear {
    /// Some of its outputs, as a view.
    pub(crate) fn outputs(&self, first: i64, count: i64) -> Self {
        let bias = self.bias.as_ref().map(|bias| bias.narrow(0, first, count));
        Self { weight: self.weight.narrow(0, first, count), bias }
    }

    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        [&self.weight].into_iter().chain(&self.bias)
    }
}

impl NormWeights {
    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.weight.iter().chain(&self.bias)
    }
}

impl Block {
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let norms = [&self.ln1, &self.q_norm, &self.k_norm, &self.ln1_post, &self.ln2, &self.ln2_post];
        let linear = [&self.queries, &self.keys_values, &self.attn_out, &self.mlp_in, &self.mlp_out];
        let norms = norms.into_iter().flatten().flat_map(NormWeights::tensors);
        let linear = linear.into_iter().chain(&self.mlp_gate).flat_map(Linear::tensors);
        let is_shared = self.folded_z.data_ptr() == self.folded_values.data_ptr();
        let folded = [&self.folded_values].into_iter().chain((!is_shared).then_some(&self.folded_z));
        norms.chain(linear).chain(folded)
    }
}

impl Model {
    /// What the weights take on the device that has most of them. Of a streamed model it is what they take at most; what is read
    /// of its files without a copy takes nothing.
    pub(crate) fn most_bytes(&self) -> u64 {
        match &self.blocks {
            Blocks::Resident(blocks) => {
                let places = 0..self.layers.devices().count();
                places.map(|place| self.bytes_on(place, blocks)).max().unwrap_or(0)
            }
            Blocks::Streamed(streamed) => streamed.loader.placed(Placement::Streamed),
        }
    }

    /// What the weights take on all devices together.
    pub(crate) fn bytes(&self) -> u64 {
        let count = self.layers.devices().count();
        match &self.blocks {
            Blocks::Resident(blocks) => (0..count).map(|place| self.bytes_on(place, blocks)).sum(),
            Blocks::Streamed(streamed) => streamed.loader.placed(Placement::Streamed).saturating_mul(count as u64),
        }
    }

    /// Refuses a streamed model whose files were written to since they were opened: what came through may not belong together.
    pub(crate) fn refuse_changed(&self) -> Result<(), ModelError> {
        match &self.blocks {
            Blocks::Resident(_) => Ok(()),
            Blocks::Streamed(streamed) => streamed.loader.refuse_changed(),
        }
    }

    fn bytes_on(&self, place: usize, blocks: &[Block]) -> u64 {
        let is_tied = self.unembed.data_ptr() == self.embed.data_ptr();
        let embedding = [&self.embed].into_iter().chain(&self.pos_embed);
        let readout = (!is_tied).then_some(&self.unembed).into_iter().chain(&self.unembed_bias);
        let readout = readout.chain(self.ln_final.iter().flat_map(NormWeights::tensors));
        let own = (0..).zip(blocks).filter(|(layer, _)| self.layers.place(*layer) == place);
        bytes(own.flat_map(|(_, block)| block.tensors()))
            + if self.layers.first_place() == place { bytes(embedding) } else { 0 }
            + if self.layers.last_place() == place { bytes(readout) } else { 0 }
    }
}

fn bytes<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> u64 {
    tensors.map(|tensor| (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64).sum()
}
