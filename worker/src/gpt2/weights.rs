//! A GPT-2's parameters on a device.

use std::path::Path;

use patchsweep_proto::digest::Digest;
use patchsweep_proto::model::{Dtype, Gpt2Config};
use safetensors::Dtype as FileDtype;
use tch::{Device, Kind, Tensor};

use crate::files::{ModelError, WeightFiles, read_config};

/// A loaded model. Matrices are in Hugging Face's layout: `y = x W + b`, W \[in, out\].
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
}

/// Weight and bias \[`d_model`\].
#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

/// Weight \[in, out\] and bias \[out\].
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
    pub(super) ln_2: LayerNorm,
    pub(super) mlp_in: Linear,
    pub(super) mlp_out: Linear,
}

impl Linear {
    /// Some of its outputs.
    fn columns(&self, first: i64, count: i64) -> Self {
        let part = |tensor: &Tensor| tensor.narrow(-1, first, count).contiguous();
        Self { weight: part(&self.weight), bias: part(&self.bias) }
    }
}

impl Gpt2 {
    /// Loads a Hugging Face folder.
    pub(super) fn load(folder: &Path, dtype: Dtype, device: Device) -> Result<Self, ModelError> {
        let config = read_config(folder)?;
        let files = WeightFiles::read(folder)?;
        let digest = files.digest()?;
        let tensors = files.tensors()?;
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
            let weight = get(&format!("{name}.weight"), &[inputs, outputs])?;
            Ok(Linear { weight, bias: get(&format!("{name}.bias"), &[outputs])? })
        };
        let block = |layer: u32| -> Result<Block, ModelError> {
            let name = |part: &str| format!("h.{layer}.{part}");
            let ln_1 = layer_norm(&name("ln_1"))?;
            // Queries, keys and values side by side.
            let attn = linear(&name("attn.c_attn"), s.d_model, 3 * s.d_model)?;
            let width = i64::from(s.d_model);
            Ok(Block {
                ln_1,
                queries: attn.columns(0, width),
                keys_values: attn.columns(width, 2 * width),
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
            digest,
            unembed,
            embed,
            pos_embed: get("wpe.weight", &[s.n_ctx, s.d_model])?,
            blocks: (0..s.layers).map(block).collect::<Result<_, _>>()?,
            ln_final: layer_norm("ln_f")?,
            config,
        })
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
