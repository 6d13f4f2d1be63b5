//! The Hugging Face model folder.

use std::{collections::HashMap, error::Error, fs, path::Path};

use patchsweep_data::tokenizer::{BEGIN, Vocabulary};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};
use tch::{TchError, Tensor, nn::VarStore};

use crate::architecture::Architecture;

/// Writes `config.json` and `model.safetensors`: the same bytes for the same weights.
pub(crate) fn write(
    folder: &Path,
    architecture: &Architecture,
    vocabulary: &Vocabulary,
    weights: &VarStore,
) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let config = config(architecture, vocabulary);
    fs::write(folder.join("config.json"), format!("{config:#}\n"))?;
    fs::write(folder.join("model.safetensors"), safetensors(weights)?)?;
    Ok(())
}

fn config(architecture: &Architecture, vocabulary: &Vocabulary) -> Value {
    let mut config = json!({
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "activation_function": "gelu_new",
        "n_layer": architecture.layers,
        "n_head": architecture.heads,
        "n_embd": architecture.width,
        "n_inner": null,
        "n_positions": architecture.positions,
        "vocab_size": architecture.vocabulary,
        "layer_norm_epsilon": architecture.layer_norm_epsilon,
        "bos_token_id": vocabulary.id(BEGIN),
        "eos_token_id": vocabulary.id(BEGIN),
        "tie_word_embeddings": true,
        "scale_attn_weights": true,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
    });
    // The file's bytes must not depend on whether another crate of the build turns on `preserve_order`.
    config.sort_all_objects();
    config
}

/// All weights in float32. A model's unembedding is tied, and so not stored.
pub(crate) fn safetensors(weights: &VarStore) -> Result<Vec<u8>, Box<dyn Error>> {
    let variables = weights.variables();
    let contents = variables
        .iter()
        .map(|(name, variable)| Ok((name, shape(variable), little_endian(variable)?)))
        .collect::<Result<Vec<_>, TchError>>()?;
    let views = contents
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    // Some versions of transformers ask which framework's layout the tensors have.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}

fn shape(tensor: &Tensor) -> Vec<usize> {
    let lengths = tensor.size().into_iter();
    lengths.map(|length| usize::try_from(length).expect("lengths are not negative")).collect()
}

fn little_endian(tensor: &Tensor) -> Result<Vec<u8>, TchError> {
    let values = Vec::<f32>::try_from(tensor.flatten(0, -1))?;
    Ok(values.into_iter().flat_map(f32::to_le_bytes).collect())
}
