//! A random GPT-2, stored in any of the ways that its folders are.

use std::fs;
use std::path::Path;

use patchsweep_core::architecture::{Architecture, Sizes};
use patchsweep_core::model::ModelConfig;
use proptest::prelude::*;
use proptest::sample::select;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize_to_file};

/// Everything that a model folder is made from.
#[derive(Clone, Debug)]
pub(crate) struct Gpt2 {
    shape: Sizes,
    activation: &'static str,
    epsilon: f64,
    unembedding: Unembedding,
    scale_attn_weights: bool,
    scale_attn_by_inverse_layer_idx: bool,
    /// Before the tensors' names.
    prefix: &'static str,
    /// Size of matrix entries, relative to one that keeps the size of what it is multiplied with.
    gain: f32,
    seed: u64,
}

/// What there is of the unembedding in config and weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unembedding {
    Tied,
    /// Tied, and the embedding is stored a second time.
    TiedAndStored,
    /// Tied, but what is stored is something else.
    StoredThoughTied,
    /// Tied, and stored under the unembedding's name only.
    OnlyStored,
    Untied,
}

/// Narrower models are left out: a layer norm over two or three numbers is nearly a step function, which no arithmetic in
/// float32 follows closely.
const LEAST_WIDTH: u32 = 6;

fn sizes(positions: u32) -> impl Strategy<Value = Sizes> {
    (1..=4u32, 1..=4u32, 2..=8u32, 4..=40u32, 20..=60u32, 0..=3u32).prop_map(
        move |(layers, heads, d_head, d_mlp, d_vocab, unused_positions)| {
            let d_model = heads * d_head.max(LEAST_WIDTH.div_ceil(heads));
            Sizes { layers, heads, d_model, d_mlp, d_vocab, n_ctx: positions + unused_positions }
        },
    )
}

/// Models for prompts of so many positions.
pub(crate) fn models(positions: u32) -> impl Strategy<Value = Gpt2> {
    let activation = select(vec!["gelu_new", "gelu", "relu"]);
    let epsilon = select(vec![1e-5, 1e-3]);
    let flags = (prop::bool::weighted(0.8), prop::bool::weighted(0.2));
    let unembedding = select(vec![
        Unembedding::Tied,
        Unembedding::TiedAndStored,
        Unembedding::StoredThoughTied,
        Unembedding::OnlyStored,
        Unembedding::Untied,
    ]);
    let prefix = select(vec!["", "transformer.", "model.", "module.transformer.", "_orig_mod.transformer."]);
    let names = (unembedding, prefix);
    let rest = (activation, epsilon, flags, names, 0.5f32..1.5, any::<u64>()).no_shrink();
    (sizes(positions), rest).prop_map(
        |(shape, (activation, epsilon, (scale_attn_weights, by_inverse_layer), (unembedding, prefix), gain, seed))| {
            Gpt2 {
                shape,
                activation,
                epsilon,
                unembedding,
                scale_attn_weights,
                scale_attn_by_inverse_layer_idx: by_inverse_layer,
                prefix,
                gain,
                seed,
            }
        },
    )
}

/// A tensor before it is written.
struct Tensor {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Gpt2 {
    /// What the config says.
    pub(crate) fn architecture(&self) -> Architecture {
        ModelConfig::from_json(&self.config()).expect("a config").architecture
    }

    fn config(&self) -> String {
        let Sizes { layers, heads, d_model, d_mlp, d_vocab, n_ctx } = self.shape;
        let config = serde_json::json!({
            "model_type": "gpt2", "n_layer": layers, "n_head": heads, "n_embd": d_model, "n_inner": d_mlp,
            "vocab_size": d_vocab, "n_positions": n_ctx, "activation_function": self.activation,
            "layer_norm_epsilon": self.epsilon, "tie_word_embeddings": self.unembedding != Unembedding::Untied,
            "scale_attn_weights": self.scale_attn_weights,
            "scale_attn_by_inverse_layer_idx": self.scale_attn_by_inverse_layer_idx,
        });
        config.to_string()
    }

    /// Writes `config.json` and `model.safetensors`.
    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("a model folder");
        fs::write(folder.join("config.json"), self.config()).expect("a written config");
        let tensors = self.tensors();
        let views = tensors.iter().map(|Tensor { name, shape, bytes }| {
            (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as many bytes as its shape says"))
        });
        serialize_to_file(views, None, &folder.join("model.safetensors")).expect("written weights");
    }

    /// No bias is 0 and no layer norm is the identity.
    fn tensors(&self) -> Vec<Tensor> {
        let [d_model, d_mlp, d_vocab, n_ctx] =
            [self.shape.d_model, self.shape.d_mlp, self.shape.d_vocab, self.shape.n_ctx].map(|size| size as usize);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut tensors = Vec::new();
        let mut normal = |name: String, shape: &[usize], mean: f32, deviation: f32| {
            let mut entry = || mean + deviation * Distribution::<f32>::sample(&StandardNormal, &mut rng);
            let bytes = (0..shape.iter().product()).flat_map(|_| entry().to_le_bytes()).collect();
            tensors.push(Tensor { name, shape: shape.to_vec(), bytes });
        };
        let prefix = self.prefix;
        // The unembedding stands outside of the transformer.
        let head = format!("{}lm_head.weight", prefix.trim_end_matches("transformer."));
        let embedding =
            if self.unembedding == Unembedding::OnlyStored { &head } else { &format!("{prefix}wte.weight") };
        normal(embedding.clone(), &[d_vocab, d_model], 0.0, 0.6);
        normal(format!("{prefix}wpe.weight"), &[n_ctx, d_model], 0.0, 0.3);
        for layer in 0..self.shape.layers {
            for (name, inputs, outputs) in [
                ("attn.c_attn", d_model, 3 * d_model),
                ("attn.c_proj", d_model, d_model),
                ("mlp.c_fc", d_model, d_mlp),
                ("mlp.c_proj", d_mlp, d_model),
            ] {
                #[allow(clippy::cast_precision_loss, reason = "small")]
                let deviation = self.gain / (inputs as f32).sqrt();
                normal(format!("{prefix}h.{layer}.{name}.weight"), &[inputs, outputs], 0.0, deviation);
                normal(format!("{prefix}h.{layer}.{name}.bias"), &[outputs], 0.0, 0.3);
            }
            for name in ["ln_1", "ln_2"] {
                normal(format!("{prefix}h.{layer}.{name}.weight"), &[d_model], 1.0, 0.3);
                normal(format!("{prefix}h.{layer}.{name}.bias"), &[d_model], 0.0, 0.2);
            }
        }
        normal(format!("{prefix}ln_f.weight"), &[d_model], 1.0, 0.3);
        normal(format!("{prefix}ln_f.bias"), &[d_model], 0.0, 0.2);
        match self.unembedding {
            Unembedding::Tied | Unembedding::OnlyStored => {}
            Unembedding::StoredThoughTied | Unembedding::Untied => normal(head, &[d_vocab, d_model], 0.0, 0.6),
            Unembedding::TiedAndStored => {
                let Tensor { shape, bytes, .. } = &tensors[0];
                tensors.push(Tensor { name: head, shape: shape.clone(), bytes: bytes.clone() });
            }
        }
        tensors
    }
}
