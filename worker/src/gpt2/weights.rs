//! A GPT-2's parameters on a device.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::path::Path;

use patchsweep_proto::digest::Digest;
use patchsweep_proto::model::{Dtype, Gpt2Config};
use safetensors::Dtype as FileDtype;
use tch::{Device, Kind, Tensor};

use crate::engine::Cancel;
use crate::files::{ModelError, WeightFiles, WeightTensors, read_config};

/// A loaded model. Matrices are \[out, in\], so that some of a matrix's outputs are a view of it.
#[derive(Debug)]
pub(super) struct Gpt2 {
    pub(super) config: Gpt2Config,
    pub(super) digest: Digest,
    /// \[vocabulary, `d_model`\]
    pub(super) embed: Tensor,
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
        let files = WeightFiles::read(folder)?;
        std::thread::scope(|scope| {
            // The digest takes about as long as the rest.
            let digest = scope.spawn(|| files.digest());
            let model = Self::from_tensors(config, &files.tensors()?, dtype, device)?;
            let digest = digest.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            Ok(Self { digest, ..model })
        })
    }

    /// The digest is left for the caller to set.
    fn from_tensors(
        config: Gpt2Config,
        tensors: &WeightTensors<'_>,
        dtype: Dtype,
        device: Device,
    ) -> Result<Self, ModelError> {
        let get = |name: &str, shape: &[u32]| -> Result<Tensor, ModelError> {
            let wanted: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
            let tensor = tensors.get(name, &wanted)?;
            let shape: Vec<i64> = shape.iter().map(|&size| size.into()).collect();
            let tensor = Tensor::from_data_size(tensor.data, &shape, file_kind(tensor.dtype));
            Ok(tensor.to_device(device).to_kind(kind(dtype)))
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
        let embed = get("wte.weight", &[s.d_vocab, s.d_model])?;
        let unembed = if config.tie_word_embeddings {
            embed.shallow_clone()
        } else {
            get("lm_head.weight", &[s.d_vocab, s.d_model])?
        };
        Ok(Self {
            digest: Digest([0; 32]),
            unembed,
            embed,
            pos_embed: get("wpe.weight", &[s.n_ctx, s.d_model])?,
            blocks: in_parallel(s.layers, block)?,
            ln_final: layer_norm("ln_f")?,
            multiply_adds: Cell::new(0),
            cancel: Cancel::new(),
            config,
        })
    }
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
        let joined = parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic)));
        Ok(joined.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    })
}

impl Gpt2 {
    /// What the parameters take on the device.
    pub(super) fn bytes(&self) -> u64 {
        let mut tensors = vec![&self.embed, &self.pos_embed, &self.ln_final.weight, &self.ln_final.bias];
        if self.unembed.data_ptr() != self.embed.data_ptr() {
            tensors.push(&self.unembed);
        }
        for block in &self.blocks {
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
