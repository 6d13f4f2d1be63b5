//! A GPT-2's parameters on a device.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread::ScopedJoinHandle;

use patchsweep_core::digest::Digest;
use patchsweep_core::model::{Dtype, Gpt2Config};
use patchsweep_files::{Contents, ModelError, WeightFiles, WeightTensor, read_config};
use safetensors::Dtype as FileDtype;
use tch::{Device, Kind, Tensor};

use super::noise::deviation;
use crate::engine::Cancel;

/// Bytes of a tensor that are read at once: few enough to stay in a core's cache while they are copied.
const PIECE_BYTES: usize = 1 << 20;

/// A loaded model. Matrices are \[out, in\], so that some of a matrix's outputs are a view of it.
#[derive(Debug)]
pub(super) struct Gpt2 {
    pub(super) config: Gpt2Config,
    pub(super) digest: Digest,
    /// What readers of its scores should know of the weights.
    pub(super) notes: Vec<String>,
    /// \[vocabulary, `d_model`\]
    pub(super) embed: Tensor,
    /// Sample standard deviation of all entries of `embed`.
    pub(super) embed_deviation: f64,
    /// \[`n_ctx`, `d_model`\]
    pub(super) pos_embed: Tensor,
    pub(super) blocks: Vec<Block>,
    pub(super) ln_final: LayerNorm,
    /// \[vocabulary, `d_model`\]
    pub(super) unembed: Tensor,
    /// Of all matrix products so far.
    pub(super) multiply_adds: Cell<u64>,
    /// Of the tile in hand.
    pub(super) cancel: Cancel,
}

/// Weight and bias \[`d_model`\].
#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

/// Weight \[out, in\] and bias \[out\].
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) ln_1: LayerNorm,
    pub(super) queries: Linear,
    /// Keys and values side by side.
    pub(super) keys_values: Linear,
    pub(super) attn_out: Linear,
    /// What `TransformerLens` moves from the values into the output bias \[head, `d_head`\]: `b_V + ln_1.bias W_V`.
    pub(super) folded_values: Tensor,
    pub(super) ln_2: LayerNorm,
    pub(super) mlp_in: Linear,
    pub(super) mlp_out: Linear,
}

impl Linear {
    /// Some of its outputs, as a view.
    fn outputs(&self, first: i64, count: i64) -> Self {
        Self { weight: self.weight.narrow(0, first, count), bias: self.bias.narrow(0, first, count) }
    }
}

impl Gpt2 {
    /// Loads a Hugging Face folder.
    pub(super) fn load(folder: &Path, dtype: Dtype, device: Device) -> Result<Self, ModelError> {
        let config = read_config(folder)?;
        let files = WeightFiles::open(folder)?;
        let contents = files.contents(&config)?;
        std::thread::scope(|scope| {
            // Hashing takes about as long as the rest.
            let digest = scope.spawn(|| files.digest());
            let model = Self::from_files(config, contents, &files, dtype, device)?;
            let digest = joined(digest)?;
            files.check_unchanged()?;
            Ok(Self { digest, ..model })
        })
    }

    /// The digest is left for the caller to set.
    fn from_files(
        config: Gpt2Config,
        contents: Contents,
        files: &WeightFiles,
        dtype: Dtype,
        device: Device,
    ) -> Result<Self, ModelError> {
        let get = |name: &str, shape: &[u32]| -> Result<Tensor, ModelError> {
            let sizes: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
            on_device(&files.tensor(name, &sizes)?, shape, kind(dtype), device)
        };
        let s = config.shape;
        let layer_norm = |name: &str| -> Result<LayerNorm, ModelError> {
            let weight = get(&format!("{name}.weight"), &[s.d_model])?;
            Ok(LayerNorm { weight, bias: get(&format!("{name}.bias"), &[s.d_model])? })
        };
        let linear = |name: &str, inputs: u32, outputs: u32| -> Result<Linear, ModelError> {
            // Hugging Face stores [in, out].
            let weight = get(&format!("{name}.weight"), &[inputs, outputs])?.transpose(0, 1).contiguous();
            Ok(Linear { weight, bias: get(&format!("{name}.bias"), &[outputs])? })
        };
        let block = |layer: u32| -> Result<Block, ModelError> {
            let name = |part: &str| format!("h.{layer}.{part}");
            let ln_1 = layer_norm(&name("ln_1"))?;
            // Queries, keys and values side by side.
            let attn = linear(&name("attn.c_attn"), s.d_model, 3 * s.d_model)?;
            let width = i64::from(s.d_model);
            let values = attn.outputs(2 * width, width);
            let folded = values.weight.mv(&ln_1.bias) + values.bias;
            Ok(Block {
                folded_values: folded.unflatten(0, [i64::from(s.heads), -1]),
                ln_1,
                queries: attn.outputs(0, width),
                keys_values: attn.outputs(width, 2 * width),
                attn_out: linear(&name("attn.c_proj"), s.d_model, s.d_model)?,
                ln_2: layer_norm(&name("ln_2"))?,
                mlp_in: linear(&name("mlp.c_fc"), s.d_model, s.d_mlp)?,
                mlp_out: linear(&name("mlp.c_proj"), s.d_mlp, s.d_model)?,
            })
        };
        let embed = || get(contents.embedding, &[s.d_vocab, s.d_model]);
        let (embed, blocks) = std::thread::scope(|scope| {
            let embed = scope.spawn(embed);
            let blocks = in_parallel(s.layers, block);
            (joined(embed), blocks)
        });
        let embed = embed?;
        let unembed = if contents.unembedding == contents.embedding {
            embed.shallow_clone()
        } else {
            get(contents.unembedding, &[s.d_vocab, s.d_model])?
        };
        Ok(Self {
            digest: Digest([0; 32]),
            notes: contents.notes,
            embed_deviation: deviation(&embed),
            unembed,
            embed,
            pos_embed: get("wpe.weight", &[s.n_ctx, s.d_model])?,
            blocks: blocks?,
            ln_final: layer_norm("ln_f")?,
            multiply_adds: Cell::new(0),
            cancel: Cancel::new(),
            config,
        })
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

impl Gpt2 {
    /// What the parameters take on the device.
    pub(super) fn bytes(&self) -> u64 {
        let mut tensors = vec![&self.embed, &self.pos_embed, &self.ln_final.weight, &self.ln_final.bias];
        if self.unembed.data_ptr() != self.embed.data_ptr() {
            tensors.push(&self.unembed);
        }
        for block in &self.blocks {
            tensors.push(&block.folded_values);
            for LayerNorm { weight, bias } in [&block.ln_1, &block.ln_2] {
                tensors.extend([weight, bias]);
            }
            for Linear { weight, bias } in
                [&block.queries, &block.keys_values, &block.attn_out, &block.mlp_in, &block.mlp_out]
            {
                tensors.extend([weight, bias]);
            }
        }
        tensors.iter().map(|tensor| (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64).sum()
    }
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
