//! A GPT-2's parameters, from a Hugging Face folder.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayD};
use patchsweep_core::model::ModelConfig;
use safetensors::{Dtype, SafeTensors};

use super::layers::{LayerNorm, Linear};

/// A loaded model, in float64.
pub struct Gpt2 {
    pub(super) config: ModelConfig,
    /// \[vocabulary, `d_model`\]
    pub(super) embed: Array2<f64>,
    /// \[`n_ctx`, `d_model`\]
    pub(super) pos_embed: Array2<f64>,
    pub(super) blocks: Vec<Block>,
    pub(super) ln_final: LayerNorm,
    /// \[vocabulary, `d_model`\]
    pub(super) unembed: Array2<f64>,
}

pub(super) struct Block {
    pub(super) ln_1: LayerNorm,
    /// Queries, keys and values side by side.
    pub(super) attn_in: Linear,
    pub(super) attn_out: Linear,
    pub(super) ln_2: LayerNorm,
    pub(super) mlp_in: Linear,
    pub(super) mlp_out: Linear,
}

impl Gpt2 {
    /// Loads `config.json` and all float32 `.safetensors` files of a folder.
    ///
    /// # Panics
    /// When they are not those of a GPT-2.
    #[must_use]
    pub fn load(folder: &Path) -> Self {
        let config = fs::read_to_string(folder.join("config.json")).expect("a config.json");
        let config = ModelConfig::from_json(&config).expect("a GPT-2's config");
        let tensors = Tensors::read(folder);
        let epsilon = config.architecture.norm.eps;
        let linear = |name: String| tensors.linear(&name);
        let norm = |name: String| tensors.layer_norm(&name, epsilon);
        let block = |layer: u32| Block {
            ln_1: norm(format!("h.{layer}.ln_1")),
            attn_in: linear(format!("h.{layer}.attn.c_attn")),
            attn_out: linear(format!("h.{layer}.attn.c_proj")),
            ln_2: norm(format!("h.{layer}.ln_2")),
            mlp_in: linear(format!("h.{layer}.mlp.c_fc")),
            mlp_out: linear(format!("h.{layer}.mlp.c_proj")),
        };
        // A stored unembedding counts whatever the config says of it: where it is the embedding, the numbers are equal.
        let has = |name: &str| tensors.0.contains_key(name);
        let unembed =
            if config.architecture.readout.tied && !has("lm_head.weight") { "wte.weight" } else { "lm_head.weight" };
        let embed = if config.architecture.readout.tied && !has("wte.weight") { unembed } else { "wte.weight" };
        Self {
            embed: tensors.matrix(embed),
            pos_embed: tensors.matrix("wpe.weight"),
            blocks: (0..config.architecture.layers).map(block).collect(),
            ln_final: norm("ln_f".into()),
            unembed: tensors.matrix(unembed),
            config,
        }
    }

    /// Sample standard deviation of all entries of the token embedding.
    pub(super) fn embedding_deviation(&self) -> f64 {
        self.embed.std(1.0)
    }
}

/// Tensors by name, without what some files put before it.
struct Tensors(HashMap<String, ArrayD<f64>>);

impl Tensors {
    fn read(folder: &Path) -> Self {
        let mut tensors = HashMap::new();
        for entry in fs::read_dir(folder).expect("a model folder") {
            let path = entry.expect("a listed file").path();
            if path.extension().is_some_and(|extension| extension == "safetensors") {
                let bytes = fs::read(&path).expect("a readable file");
                let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
                for (name, tensor) in file.tensors() {
                    assert_eq!(tensor.dtype(), Dtype::F32, "{name}");
                    let numbers = tensor.data().chunks_exact(4);
                    let numbers = numbers.map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect();
                    let array = ArrayD::from_shape_vec(tensor.shape(), numbers).expect("as many as its shape says");
                    tensors.insert(own_name(&name), array);
                }
            }
        }
        Self(tensors)
    }

    fn get(&self, name: &str) -> ArrayD<f64> {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor {name}")).clone()
    }

    fn vector(&self, name: &str) -> Array1<f64> {
        self.get(name).into_dimensionality().expect("a vector")
    }

    fn matrix(&self, name: &str) -> Array2<f64> {
        self.get(name).into_dimensionality().expect("a matrix")
    }

    fn linear(&self, name: &str) -> Linear {
        Linear { weight: self.matrix(&format!("{name}.weight")), bias: self.vector(&format!("{name}.bias")) }
    }

    fn layer_norm(&self, name: &str, epsilon: f64) -> LayerNorm {
        let (weight, bias) = (self.vector(&format!("{name}.weight")), self.vector(&format!("{name}.bias")));
        LayerNorm { weight, bias, epsilon }
    }
}

/// A name from the part on that GPT-2 begins it with.
fn own_name(name: &str) -> String {
    const FIRST: [&str; 5] = ["wte", "wpe", "h", "ln_f", "lm_head"];
    let parts: Vec<&str> = name.split('.').collect();
    let start = parts.iter().position(|part| FIRST.contains(part)).unwrap_or(0);
    parts[start..].join(".")
}
