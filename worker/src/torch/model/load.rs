//! A model's parameters from its files onto a device.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread::ScopedJoinHandle;

use patchsweep_core::architecture::{Architecture, Parameter, Part, Slot};
use patchsweep_core::digest::Digest;
use patchsweep_core::model::{Dtype, ModelConfig, Outputs, Source};
use patchsweep_files::{Contents, ModelError, WeightFiles, WeightTensor, read_config};
use safetensors::Dtype as FileDtype;
use tch::{Device, Kind, Tensor};

use crate::torch::model::parameters::{Block, Linear, Model, NormWeights};
use crate::torch::runs::noise::deviation;

/// Bytes of a tensor that are read at once: few enough to stay in a core's cache while they are copied.
const PIECE_BYTES: usize = 1 << 20;

impl Model {
    /// Loads a Hugging Face folder.
    pub(crate) fn load(folder: &Path, dtype: Dtype, device: Device) -> Result<Self, ModelError> {
        let config = read_config(folder)?;
        let files = WeightFiles::open(folder, &config)?;
        let contents = files.contents(&config)?;
        std::thread::scope(|scope| {
            // Hashing takes about as long as the rest.
            let digest = scope.spawn(|| files.digest());
            let loader = Loader { config: &config, files: &files, kind: kind(dtype), device };
            let model = loader.model(contents)?;
            let digest = joined(digest)?;
            files.refuse_changed()?;
            Ok(Self { digest, ..model })
        })
    }
}

/// Reads a model's tensors.
struct Loader<'a> {
    config: &'a ModelConfig,
    files: &'a WeightFiles,
    kind: Kind,
    device: Device,
}

/// Parameters of a block, or of what is around the blocks.
struct Parameters(BTreeMap<(Slot, Part), Tensor>);

impl Loader<'_> {
    /// The digest is for the caller to set.
    fn model(&self, contents: Contents) -> Result<Model, ModelError> {
        let architecture = &self.config.architecture;
        let vocabulary = [architecture.d_vocab, architecture.d_model];
        let (embed, blocks) = std::thread::scope(|scope| {
            let embed = scope.spawn(|| self.stored(&contents.embedding, &vocabulary));
            let blocks = in_parallel(architecture.layers, |layer| self.block(layer));
            (joined(embed), blocks)
        });
        let embed = embed?;
        let unembed = if contents.unembedding == contents.embedding {
            embed.shallow_clone()
        } else {
            self.stored(&contents.unembedding, &vocabulary)?
        };
        let is_vocabulary = |p: &Parameter| p.part == Part::Weight && matches!(p.slot, Slot::Embed | Slot::Unembed);
        let around = architecture.parameters_around().into_iter().filter(|p| !is_vocabulary(p));
        let mut around = self.parameters(&around.collect::<Vec<_>>())?;
        let offset = architecture.embed.positions.map_or(0, |positions| positions.offset);
        let pos_embed = around.take(Slot::PosEmbed, Part::Weight);
        Ok(Model {
            digest: Digest([0; 32]),
            notes: contents.notes,
            embed_deviation: deviation(&embed) * architecture.embed.scale,
            unembed,
            embed,
            pos_embed: pos_embed.map(|table| table.narrow(0, offset.into(), architecture.n_ctx.into())),
            blocks: blocks?,
            ln_final: around.norm(architecture, Slot::LnFinal),
            unembed_bias: around.take(Slot::Unembed, Part::Bias),
            architecture: architecture.clone(),
        })
    }

    fn block(&self, layer: u32) -> Result<Block, ModelError> {
        let architecture = &self.config.architecture;
        let mut parameters = self.parameters(&architecture.parameters_of(layer))?;
        let ln1 = parameters.norm(architecture, Slot::Ln1);
        // Queries, keys and values side by side.
        let projections = [Slot::Q, Slot::K, Slot::V].map(|slot| parameters.linear(slot));
        let weights: Vec<&Tensor> = projections.iter().map(|linear| &linear.weight).collect();
        let biases: Vec<&Tensor> = projections.iter().filter_map(|linear| linear.bias.as_ref()).collect();
        let bias = (!biases.is_empty()).then(|| Tensor::cat(&biases, 0));
        let attention = Linear { weight: Tensor::cat(&weights, 0), bias };
        let [queries, keys] = [architecture.d_queries(), architecture.d_keys()].map(i64::from);
        let values = attention.outputs(queries + keys, keys);
        let before = ln1.as_ref().and_then(|norm| norm.bias.as_ref()).map(|bias| values.weight.mv(bias));
        let folded = match (before, values.bias) {
            (Some(before), Some(bias)) => before + bias,
            (Some(one), None) | (None, Some(one)) => one.copy(),
            (None, None) => Tensor::zeros([keys], (self.kind, self.device)),
        };
        let folded = match architecture.attention.clip {
            Some(clip) => folded.clamp(-clip, clip),
            None => folded,
        };
        let folded_values = folded.unflatten(0, [i64::from(architecture.kv_heads), -1]);
        let folded_z = match architecture.group() {
            1 => folded_values.shallow_clone(),
            group => folded_values.repeat_interleave_self_int(group.into(), 0, None),
        };
        Ok(Block {
            ln1,
            queries: attention.outputs(0, queries),
            keys_values: attention.outputs(queries, 2 * keys),
            q_norm: parameters.norm(architecture, Slot::QNorm),
            k_norm: parameters.norm(architecture, Slot::KNorm),
            attn_out: parameters.linear(Slot::O),
            ln1_post: parameters.norm(architecture, Slot::Ln1Post),
            folded_values,
            folded_z,
            ln2: parameters.norm(architecture, Slot::Ln2),
            mlp_gate: architecture.mlp.gated.then(|| parameters.linear(Slot::Gate)),
            mlp_in: parameters.linear(Slot::In),
            mlp_out: parameters.linear(Slot::Out),
            ln2_post: parameters.norm(architecture, Slot::Ln2Post),
        })
    }

    /// Each stored tensor is read once, however many parameters are in it.
    fn parameters(&self, wanted: &[Parameter]) -> Result<Parameters, ModelError> {
        let mut stored: BTreeMap<String, Tensor> = BTreeMap::new();
        let mut found = BTreeMap::new();
        for parameter in wanted {
            let source = self.config.source(parameter);
            if !stored.contains_key(&source.name) {
                stored.insert(source.name.clone(), self.stored(&source.name, &source.shape)?);
            }
            found.insert((parameter.slot, parameter.part), part_of(&stored[&source.name], &source));
        }
        Ok(Parameters(found))
    }

    /// As it is in the file.
    fn stored(&self, name: &str, shape: &[u32]) -> Result<Tensor, ModelError> {
        let sizes: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
        on_device(&self.files.tensor(name, &sizes)?, shape, self.kind, self.device)
    }
}

/// A parameter \[out, in\], or \[out\], in a stored tensor.
fn part_of(stored: &Tensor, source: &Source) -> Tensor {
    let whole = if source.is_transposed { stored.transpose(0, 1) } else { stored.shallow_clone() };
    let part = match source.outputs {
        Outputs::All => whole,
        Outputs::Range { start, count } => whole.narrow(0, start.into(), count.into()),
        Outputs::PartOfHeads { width, index, of } => {
            whole.unflatten(0, [-1, i64::from(of), i64::from(width)]).select(1, index.into()).flatten(0, 1)
        }
    };
    if (source.factor - 1.0).abs() > 0.0 { part * source.factor } else { part }
}

impl Parameters {
    fn take(&mut self, slot: Slot, part: Part) -> Option<Tensor> {
        self.0.remove(&(slot, part)).map(|tensor| tensor.contiguous())
    }

    /// One that the architecture has; as a view of what is stored, if it is one.
    fn linear(&mut self, slot: Slot) -> Linear {
        let is_joined = matches!(slot, Slot::Q | Slot::K | Slot::V);
        let weight = if is_joined { self.0.remove(&(slot, Part::Weight)) } else { self.take(slot, Part::Weight) };
        let weight = weight.expect("every architecture has this matrix");
        Linear { weight, bias: self.take(slot, Part::Bias) }
    }

    /// A norm, if the architecture has it. Its weight gets the offset added, in float32 where that is not 0.
    fn norm(&mut self, architecture: &Architecture, slot: Slot) -> Option<NormWeights> {
        let (weight, bias) = (self.take(slot, Part::Weight), self.take(slot, Part::Bias));
        let offset = architecture.norm.offset;
        let weight = weight.map(|weight| if offset == 0.0 { weight } else { weight.to_kind(Kind::Float) + offset });
        architecture.has_norm(slot).then_some(NormWeights { weight, bias })
    }
}

/// A tensor of a file, read in pieces: of the file, only a piece at a time is in memory.
fn on_device(tensor: &WeightTensor<'_>, shape: &[u32], kind: Kind, device: Device) -> Result<Tensor, ModelError> {
    let mut sizes: Vec<i64> = shape.iter().map(|&size| size.into()).collect();
    let whole = Tensor::empty(&sizes, (kind, device));
    let file_kind = file_kind(tensor.dtype());
    let Some((&rows, row)) = shape.split_first() else { return Ok(whole) };
    let row_bytes = row.iter().map(|&size| size as usize).product::<usize>() * file_kind.elt_size_in_bytes();
    let piece_rows = u32::try_from(PIECE_BYTES / row_bytes.max(1)).unwrap_or(rows).clamp(1, rows.max(1));
    let mut buffer = vec![0; piece_rows as usize * row_bytes];
    for first in (0..rows).step_by(piece_rows as usize) {
        let count = piece_rows.min(rows - first);
        let bytes = &mut buffer[..count as usize * row_bytes];
        tensor.read(first as usize * row_bytes, bytes)?;
        sizes[0] = count.into();
        let piece = Tensor::from_data_size(bytes, &sizes, file_kind);
        whole.narrow(0, first.into(), count.into()).copy_(&piece);
    }
    Ok(whole)
}

/// Blocks by layer, made by some threads side by side: copying and transposing takes most of the time of loading.
fn in_parallel(layers: u32, block: impl Fn(u32) -> Result<Block, ModelError> + Sync) -> Result<Vec<Block>, ModelError> {
    const MOST_THREADS: u32 = 4;
    let share = layers.div_ceil(MOST_THREADS).max(1);
    let block = &block;
    std::thread::scope(|scope| {
        let part = |first: u32| {
            scope.spawn(move || (first..layers.min(first + share)).map(block).collect::<Result<Vec<_>, _>>())
        };
        let parts: Vec<_> = (0..layers).step_by(share as usize).map(part).collect();
        Ok(parts.into_iter().map(joined).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    })
}

/// What a thread returns; if it panicked, so does this.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn file_kind(dtype: FileDtype) -> Kind {
    match dtype {
        FileDtype::F16 => Kind::Half,
        FileDtype::BF16 => Kind::BFloat16,
        _ => Kind::Float,
    }
}

fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::Float32 => Kind::Float,
        Dtype::Bfloat16 => Kind::BFloat16,
        Dtype::Float16 => Kind::Half,
    }
}
