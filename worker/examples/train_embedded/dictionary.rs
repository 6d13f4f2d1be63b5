//! A sparse autoencoder of what attention adds in layer 0 of the model that finds surnames: which token stands before.
//!
//! TopK (Gao et al. 2024): of a position's features only the strongest are on. SAELens' files.

use std::{error::Error, fs, path::Path};

use serde_json::json;
use tch::{
    Device, Kind, TchError, Tensor,
    nn::{Adam, OptimizerConfig, VarStore},
};

use crate::{export, model::Gpt2, sequences::Sequences};

/// What it reads.
const HOOK: &str = "blocks.0.hook_attn_out";

const FEATURES: i64 = 192;

/// How many features a position has.
const ON: i64 = 1;

const STEPS: u32 = 1200;
const STEPS_PER_REPORT: u32 = 100;
const LEARNING_RATE: f64 = 2e-3;

/// The part of the steps after which the learning rate falls to zero, in a straight line.
const CONSTANT: f64 = 2.0 / 3.0;

/// Its weights, and the tensors among them.
pub(crate) struct Dictionary {
    weights: VarStore,
    encoder: Tensor,
    encoder_bias: Tensor,
    decoder: Tensor,
    decoder_bias: Tensor,
}

impl Dictionary {
    /// Trained on the model's activations of sequences, all positions alike.
    pub(crate) fn trained(model: &Gpt2, mut batches: impl Iterator<Item = Sequences>) -> Result<Self, TchError> {
        let mut activations = || {
            let batch = batches.next().expect("batches do not end");
            tch::no_grad(|| model.first_attention(&batch).flatten(0, 1))
        };
        let dictionary = Self::new(&activations());
        let mut optimizer = Adam::default().build(&dictionary.weights, LEARNING_RATE)?;
        for step in 1..=STEPS {
            let remaining = 1.0 - f64::from(step) / f64::from(STEPS);
            optimizer.set_lr(LEARNING_RATE * (remaining / (1.0 - CONSTANT)).min(1.0));
            let activations = activations();
            let unexplained = dictionary.unexplained(&activations);
            optimizer.backward_step(&unexplained);
            dictionary.normalise();
            if step % STEPS_PER_REPORT == 0 {
                eprintln!("step {step}/{STEPS}: {:.4} of the variance unexplained", f64::try_from(&unexplained)?);
            }
        }
        Ok(dictionary)
    }

    /// Directions begin as those of some activations from the mean of all, so that hardly any feature is never on.
    fn new(activations: &Tensor) -> Self {
        let weights = VarStore::new(Device::Cpu);
        let root = weights.root();
        let mean = activations.mean_dim([0].as_slice(), false, Kind::Float);
        let chosen = Tensor::randperm(activations.size()[0], (Kind::Int64, Device::Cpu)).narrow(0, 0, FEATURES);
        let directions = unit_rows(&(activations.index_select(0, &chosen) - &mean));
        Self {
            encoder: root.var_copy("W_enc", &directions.tr().contiguous()),
            encoder_bias: root.zeros("b_enc", &[FEATURES]),
            decoder: root.var_copy("W_dec", &directions),
            decoder_bias: root.var_copy("b_dec", &mean),
            weights,
        }
    }

    /// `[.., feature]` of `[.., width]`.
    fn features(&self, activations: &Tensor) -> Tensor {
        let all = ((activations - &self.decoder_bias).matmul(&self.encoder) + &self.encoder_bias).relu();
        let (strongest, places) = all.topk(ON, -1, true, false);
        all.zeros_like().scatter(-1, &places, &strongest)
    }

    /// For each target of sequences the feature that is strongest where its token stands already, `[batch, target]`.
    pub(crate) fn strongest(&self, model: &Gpt2, sequences: &Sequences) -> Tensor {
        let features = tch::no_grad(|| self.features(&model.first_attention(sequences)));
        features.argmax(-1, false).gather(1, &sequences.sources(), false)
    }

    /// The part of the activations' variance that is not explained.
    fn unexplained(&self, activations: &Tensor) -> Tensor {
        let decoded = self.features(activations).matmul(&self.decoder) + &self.decoder_bias;
        let squares = |difference: Tensor| difference.square().sum(Kind::Float);
        squares(activations - decoded) / squares(activations - activations.mean_dim([0].as_slice(), true, Kind::Float))
    }

    /// Directions have length 1: how strong a feature is, is in the feature.
    fn normalise(&self) {
        tch::no_grad(|| {
            let mut decoder = self.decoder.shallow_clone();
            decoder.copy_(&unit_rows(&self.decoder));
        });
    }

    /// `cfg.json` and `sae_weights.safetensors`, as SAELens 6 writes them.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        fs::create_dir_all(folder)?;
        let mut config = json!({
            "architecture": "topk",
            "d_in": self.decoder_bias.size()[0],
            "d_sae": FEATURES,
            "k": ON,
            "rescale_acts_by_decoder_norm": false,
            "apply_b_dec_to_input": true,
            "normalize_activations": "none",
            "reshape_activations": "none",
            "dtype": "float32",
            "device": "cpu",
            "metadata": { "hook_name": HOOK, "model_name": "guest-gpt2" },
        });
        config.sort_all_objects();
        fs::write(folder.join("cfg.json"), format!("{config:#}\n"))?;
        fs::write(folder.join("sae_weights.safetensors"), export::safetensors(&self.weights)?)?;
        Ok(())
    }
}

fn unit_rows(rows: &Tensor) -> Tensor {
    rows / rows.norm_scalaropt_dim(2.0, [1].as_slice(), true)
}
