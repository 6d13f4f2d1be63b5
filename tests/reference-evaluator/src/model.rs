//! A model's parameters, from a folder.

use std::fs;
use std::path::Path;

use ndarray::{Array1, Array2};
use patchsweep_core::architecture::{Architecture, NormKind, NormPlace, ParallelNorms, Part, QkNorm, Slot, Wiring};
use patchsweep_core::model::ModelConfig;

use crate::layers::{Linear, Norm};
use crate::tensors::Tensors;

/// A loaded model, in float64.
pub struct Model {
    pub(crate) architecture: Architecture,
    /// \[vocabulary, `d_model`\]
    pub(crate) embed: Array2<f64>,
    /// \[`n_ctx` + offset, `d_model`\]
    pub(crate) pos_embed: Option<Array2<f64>>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) ln_final: Option<Norm>,
    pub(crate) unembed: Linear,
}

pub(crate) struct Block {
    pub(crate) ln1: Option<Norm>,
    pub(crate) q: Linear,
    pub(crate) k: Linear,
    pub(crate) v: Linear,
    pub(crate) q_norm: Option<Norm>,
    pub(crate) k_norm: Option<Norm>,
    pub(crate) o: Linear,
    pub(crate) ln1_post: Option<Norm>,
    pub(crate) ln2: Option<Norm>,
    pub(crate) mlp_gate: Option<Linear>,
    pub(crate) mlp_in: Linear,
    pub(crate) mlp_out: Linear,
    pub(crate) ln2_post: Option<Norm>,
}

impl Model {
    /// Loads `config.json` and all float32 `.safetensors` files of a folder.
    ///
    /// # Panics
    /// When they are not those of a model.
    #[must_use]
    pub fn load(folder: &Path) -> Self {
        let config = fs::read_to_string(folder.join("config.json")).expect("a config.json");
        let config = ModelConfig::from_json(&config).expect("the config of a model");
        let tensors = Tensors::read(folder, &config);
        Self::of(config.architecture, &tensors)
    }

    /// What it is.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn of(architecture: Architecture, tensors: &Tensors) -> Self {
        let parts = Parts { architecture: &architecture, tensors };
        let embed = tensors.get(None, Slot::Embed, Part::Weight);
        let unembed = tensors.get(None, Slot::Unembed, Part::Weight);
        // A stored unembedding counts whatever the config says of it: where it is the embedding, the numbers are equal.
        let tied = |one: &Option<_>, other: &Option<_>| {
            one.clone().or_else(|| architecture.readout.tied.then(|| other.clone()).flatten())
        };
        let matrix = |tensor: Option<ndarray::ArrayD<f64>>| {
            tensor.expect("the tensor is stored").into_dimensionality().expect("a matrix")
        };
        Self {
            embed: matrix(tied(&embed, &unembed)),
            pos_embed: architecture.embed.positions.map(|_| matrix(tensors.get(None, Slot::PosEmbed, Part::Weight))),
            blocks: (0..architecture.layers).map(|layer| parts.block(layer)).collect(),
            ln_final: architecture.readout.norm.then(|| parts.norm(None, Slot::LnFinal)),
            unembed: Linear {
                weight: matrix(tied(&unembed, &embed)),
                bias: architecture.readout.bias.then(|| parts.vector(None, Slot::Unembed, Part::Bias)),
            },
            architecture,
        }
    }

    /// Sample standard deviation of all entries of the token embedding, as it enters the residual stream.
    pub(crate) fn embedding_deviation(&self) -> f64 {
        self.embed.std(1.0) * self.architecture.embed.scale
    }
}

/// Makes the parts of a model of its tensors.
struct Parts<'a> {
    architecture: &'a Architecture,
    tensors: &'a Tensors,
}

impl Parts<'_> {
    fn block(&self, layer: u32) -> Block {
        let Architecture { norm, attention, mlp, wiring, .. } = self.architecture;
        let (before, after) = (norm.place != NormPlace::After, norm.place != NormPlace::Before);
        let one = *wiring == Wiring::Parallel { norms: ParallelNorms::One };
        let norm = |has: bool, slot| has.then(|| self.norm(Some(layer), slot));
        let head_norm = |slot| (attention.qk_norm != QkNorm::None).then(|| self.head_norm(layer, slot));
        let linear = |slot, has_bias| self.linear(layer, slot, has_bias);
        Block {
            ln1: norm(before, Slot::Ln1),
            q: linear(Slot::Q, attention.qkv_bias),
            k: linear(Slot::K, attention.qkv_bias),
            v: linear(Slot::V, attention.qkv_bias),
            q_norm: head_norm(Slot::QNorm),
            k_norm: head_norm(Slot::KNorm),
            o: linear(Slot::O, attention.output_bias),
            ln1_post: norm(after, Slot::Ln1Post),
            ln2: norm(before && !one, Slot::Ln2),
            mlp_gate: mlp.gated.then(|| linear(Slot::Gate, mlp.bias)),
            mlp_in: linear(Slot::In, mlp.bias),
            mlp_out: linear(Slot::Out, mlp.bias),
            ln2_post: norm(after, Slot::Ln2Post),
        }
    }

    fn linear(&self, layer: u32, slot: Slot, has_bias: bool) -> Linear {
        let weight = self.tensors.get(Some(layer), slot, Part::Weight).expect("the tensor is stored");
        Linear {
            weight: weight.into_dimensionality().expect("a matrix"),
            bias: has_bias.then(|| self.vector(Some(layer), slot, Part::Bias)),
        }
    }

    fn norm(&self, layer: Option<u32>, slot: Slot) -> Norm {
        let norm = &self.architecture.norm;
        Norm {
            kind: norm.kind,
            eps: norm.eps,
            weight: norm.weight.then(|| self.vector(layer, slot, Part::Weight) + norm.offset),
            bias: norm.bias.then(|| self.vector(layer, slot, Part::Bias)),
        }
    }

    /// Of queries or keys.
    fn head_norm(&self, layer: u32, slot: Slot) -> Norm {
        let norm = &self.architecture.norm;
        let weight = self.vector(Some(layer), slot, Part::Weight) + norm.offset;
        Norm { kind: NormKind::Rms, eps: norm.eps, weight: Some(weight), bias: None }
    }

    fn vector(&self, layer: Option<u32>, slot: Slot, part: Part) -> Array1<f64> {
        let tensor = self.tensors.get(layer, slot, part).expect("the tensor is stored");
        tensor.into_dimensionality().expect("a vector")
    }
}
