//! A model's parameters from its files.

mod parameters;
mod threads;

use std::cell::OnceCell;
use std::path::Path;

use patchsweep_core::architecture::{Parameter, Part, Slot};
use patchsweep_core::digest::Digest;
use patchsweep_core::model::{Dtype, ModelConfig};
use patchsweep_core::weights::{Placement, WeightBytes};
use patchsweep_files::{Contents, ModelError, WeightFiles, read_config};
use tch::{Device, Kind, Tensor};

use crate::torch::devices::{Devices, Layers, on};
use crate::torch::model::ahead::Streamed;
use crate::torch::model::parameters::{Block, Blocks, Linear, Model, NormWeights};
use crate::torch::model::scratch::Scratch;
use crate::torch::model::stored::{file_kind, kind, mapped};

use threads::{beside, hashing_threads, in_parallel, joined};

/// A model's files, open.
#[derive(Debug)]
pub(crate) struct Loader {
    config: ModelConfig,
    files: WeightFiles,
    contents: Contents,
    dtype: Dtype,
    layers: Layers,
    /// Whether a streamed model's embeddings can stay in their files, too.
    maps_around: bool,
    /// Whether tensors stay in their files where they can be used as they are stored.
    maps: bool,
}

impl Loader {
    /// Opens a Hugging Face folder; of its weights, only headers are read.
    pub(crate) fn open(folder: &Path, dtype: Dtype, devices: &Devices) -> Result<Self, ModelError> {
        let config = read_config(folder)?;
        let files = WeightFiles::open(folder, &config)?;
        let contents = files.contents(&config)?;
        let layers = Layers::of(devices, &WeightBytes::of(&config.architecture, dtype));
        let loader = Self { config, files, contents, dtype, layers, maps_around: false, maps: false };
        Ok(Self { maps_around: loader.can_map_around(), ..loader })
    }

    /// What the weights take.
    pub(crate) fn weight_bytes(&self) -> WeightBytes {
        let has_own_head = self.contents.unembedding != self.contents.embedding;
        WeightBytes::of(&self.config.architecture, self.dtype).with_own_head(has_own_head)
    }

    /// Whether a streamed model's embeddings can stay in their files, too.
    pub(crate) fn maps_around(&self) -> bool {
        self.maps_around
    }

    /// What of them is on a device at once.
    pub(crate) fn placed(&self, placement: Placement) -> u64 {
        self.weight_bytes().placed(placement, self.layers.devices().count(), self.maps_around)
    }

    /// As what is stored can be used as it is.
    fn can_map_around(&self) -> bool {
        let stays = |name: &String| {
            let shape = self.vocabulary();
            let tensor = self.files.tensor(name, &shape.map(|size| size as usize));
            tensor.is_ok_and(|tensor| file_kind(tensor.dtype()) == self.kind() && mapped(&tensor, &shape).is_some())
        };
        self.layers.devices().are_cpu() && [&self.contents.embedding, &self.contents.unembedding].into_iter().all(stays)
    }

    /// Reads the weights: all of them, or those around the blocks.
    pub(crate) fn load(self, placement: Placement) -> Result<Model, ModelError> {
        let streams = placement == Placement::Streamed;
        // To a GPU a file is copied from memory that is pinned.
        let loader = Self { maps: streams && self.devices().are_cpu(), ..self };
        let layers = if streams { 0 } else { loader.layers() };
        let (digest, model) = std::thread::scope(|scope| {
            // Alone it would take about as long as the rest, or longer.
            let digest = beside(scope, "digest", || loader.files.digest(hashing_threads()));
            let model = loader.model(layers);
            (joined(digest), model)
        });
        let model = Model { digest: digest?, ..model? };
        loader.files.refuse_changed()?;
        Ok(if streams { Model { blocks: Blocks::Streamed(Streamed::of(loader)), ..model } } else { model })
    }

    pub(crate) fn devices(&self) -> &Devices {
        self.layers.devices()
    }

    /// The device of a layer.
    pub(crate) fn device(&self, layer: u32) -> Device {
        self.layers.device(layer)
    }

    /// How many.
    pub(crate) fn layers(&self) -> u32 {
        self.config.architecture.layers
    }

    /// Refuses files that were written to since they were opened.
    pub(crate) fn refuse_changed(&self) -> Result<(), ModelError> {
        self.files.refuse_changed()
    }

    /// With the first of its blocks. The digest is for the caller to set.
    fn model(&self, layers: u32) -> Result<Model, ModelError> {
        let (architecture, contents) = (&self.config.architecture, &self.contents);
        let (embed, blocks) = std::thread::scope(|scope| {
            let stored = || self.stored(&contents.embedding, &self.vocabulary(), self.layers.first(), None);
            let embed = beside(scope, "embed", stored);
            let blocks = in_parallel(layers, |layer, scratch| self.block(layer, scratch));
            (joined(embed), blocks)
        });
        let embed = embed?;
        let unembed = if contents.unembedding == contents.embedding {
            on(self.layers.last(), embed.shallow_clone())
        } else {
            self.stored(&contents.unembedding, &self.vocabulary(), self.layers.last(), None)?
        };
        let is_vocabulary = |p: &Parameter| p.part == Part::Weight && matches!(p.slot, Slot::Embed | Slot::Unembed);
        let around = architecture.parameters_around().into_iter().filter(|p| !is_vocabulary(p));
        let (first, last): (Vec<_>, Vec<_>) = around.partition(|parameter| parameter.slot == Slot::PosEmbed);
        let mut scratch = Scratch::default();
        let mut embedding = self.parameters(&first, self.layers.first(), &mut scratch)?;
        let mut readout = self.parameters(&last, self.layers.last(), &mut scratch)?;
        let offset = architecture.embed.positions.map_or(0, |positions| positions.offset);
        let pos_embed = embedding.take(Slot::PosEmbed, Part::Weight);
        Ok(Model {
            digest: Digest([0; 32]),
            notes: contents.notes.clone(),
            embed_deviation: OnceCell::new(),
            unembed,
            embed,
            pos_embed: pos_embed.map(|table| table.narrow(0, offset.into(), architecture.n_ctx.into())),
            blocks: Blocks::Resident(blocks?),
            ln_final: readout.norm(architecture, Slot::LnFinal),
            unembed_bias: readout.take(Slot::Unembed, Part::Bias),
            architecture: architecture.clone(),
            layers: self.layers.clone(),
        })
    }

    /// One block; what its parameters are views of goes with it.
    pub(crate) fn block(&self, layer: u32, scratch: &mut Scratch) -> Result<Block, ModelError> {
        let architecture = &self.config.architecture;
        let device = self.layers.device(layer);
        let wanted = architecture.parameters_of(layer);
        // Some at a time, which no stored tensor reaches beyond: only these are in memory as they are stored, too.
        let mut of = |slots: &[Slot]| {
            let wanted: Vec<_> = wanted.iter().filter(|parameter| slots.contains(&parameter.slot)).cloned().collect();
            self.parameters(&wanted, device, scratch)
        };
        let mut parameters = of(&[Slot::Ln1, Slot::Q, Slot::K, Slot::V])?;
        let ln1 = parameters.norm(architecture, Slot::Ln1);
        // Queries, keys and values side by side.
        let projections = [Slot::Q, Slot::K, Slot::V].map(|slot| parameters.linear(slot));
        let weights: Vec<&Tensor> = projections.iter().map(|linear| &linear.weight).collect();
        let biases: Vec<&Tensor> = projections.iter().filter_map(|linear| linear.bias.as_ref()).collect();
        let bias = (!biases.is_empty()).then(|| Tensor::cat(&biases, 0));
        let attention = Linear { weight: Tensor::cat(&weights, 0), bias };
        drop(projections);
        let [queries, keys] = [architecture.d_queries(), architecture.d_keys()].map(i64::from);
        let folded_values = self.folded_values(ln1.as_ref(), attention.outputs(queries + keys, keys));
        let folded_z = match architecture.group() {
            1 => folded_values.shallow_clone(),
            group => folded_values.repeat_interleave_self_int(group.into(), 0, None),
        };
        let mut parameters = of(&[Slot::QNorm, Slot::KNorm, Slot::O, Slot::Ln1Post])?;
        let [q_norm, k_norm, ln1_post] =
            [Slot::QNorm, Slot::KNorm, Slot::Ln1Post].map(|slot| parameters.norm(architecture, slot));
        let attn_out = parameters.linear(Slot::O);
        let mut parameters = of(&[Slot::Ln2, Slot::Gate, Slot::In])?;
        let ln2 = parameters.norm(architecture, Slot::Ln2);
        let mlp_gate = architecture.mlp.gated.then(|| parameters.linear(Slot::Gate));
        let mlp_in = parameters.linear(Slot::In);
        let mut parameters = of(&[Slot::Out, Slot::Ln2Post])?;
        Ok(Block {
            ln1,
            queries: attention.outputs(0, queries),
            keys_values: attention.outputs(queries, 2 * keys),
            q_norm,
            k_norm,
            attn_out,
            ln1_post,
            folded_values,
            folded_z,
            ln2,
            mlp_gate,
            mlp_in,
            mlp_out: parameters.linear(Slot::Out),
            ln2_post: parameters.norm(architecture, Slot::Ln2Post),
        })
    }

    /// The constant part of the values \[`kv_heads`, `d_head`\]: what the norm's bias and their own bias make of them.
    fn folded_values(&self, ln1: Option<&NormWeights>, values: Linear) -> Tensor {
        let attention = &self.config.architecture.attention;
        let before = ln1.and_then(|norm| norm.bias.as_ref()).map(|bias| values.weight.mv(bias));
        let folded = match (before, values.bias) {
            (Some(before), Some(bias)) => before + bias,
            (Some(one), None) | (None, Some(one)) => one.copy(),
            (None, None) => values.weight.new_zeros([values.weight.size()[0]], (self.kind(), values.weight.device())),
        };
        let folded = match attention.clip {
            Some(clip) => folded.clamp(-clip, clip),
            None => folded,
        };
        folded.unflatten(0, [i64::from(self.config.architecture.kv_heads), -1])
    }

    fn vocabulary(&self) -> [u32; 2] {
        [self.config.architecture.d_vocab, self.config.architecture.d_model]
    }

    fn kind(&self) -> Kind {
        kind(self.dtype)
    }
}
