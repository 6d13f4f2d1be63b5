//! A model of an architecture, with random weights, in a folder.

use std::fs;
use std::path::Path;

use patchsweep_core::architecture::{Architecture, Parameter, Part, Slot};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize_to_file};

/// Everything that a model folder is made from.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) architecture: Architecture,
    /// Size of matrix entries, relative to one that keeps the size of what it is multiplied with.
    pub(crate) gain: f64,
    pub(crate) seed: u64,
}

impl Described {
    /// Writes `config.json` and `model.safetensors`.
    pub(crate) fn write(&self, folder: &Path) {
        let config = serde_json::json!({ "model_type": "patchsweep", "architecture": self.architecture });
        fs::create_dir_all(folder).expect("a model folder");
        fs::write(folder.join("config.json"), config.to_string()).expect("a written config");
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let tied = |p: &Parameter| self.architecture.readout.tied && (p.slot, p.part) == (Slot::Unembed, Part::Weight);
        let stored = self.architecture.parameters().into_iter().filter(|parameter| !tied(parameter));
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = stored
            .map(|parameter| {
                let shape: Vec<usize> = parameter.shape.iter().map(|&size| size as usize).collect();
                let entries = self.entries(&parameter).sample_iter(&mut rng).take(shape.iter().product());
                #[allow(clippy::cast_possible_truncation, reason = "weights are float32")]
                let bytes = entries.flat_map(|entry| (entry as f32).to_le_bytes()).collect();
                (parameter.to_string(), shape, bytes)
            })
            .collect();
        let views = tensors.iter().map(|(name, shape, bytes)| {
            (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as many bytes as its shape says"))
        });
        serialize_to_file(views, None, &folder.join("model.safetensors")).expect("written weights");
    }

    /// What a parameter's entries are drawn from. No bias is 0 and no norm multiplies by 1.
    fn entries(&self, parameter: &Parameter) -> Normal<f64> {
        let norm_weight = 1.0 - self.architecture.norm.offset;
        let (mean, deviation) = match (parameter.slot, parameter.part) {
            (Slot::PosEmbed, _) | (_, Part::Bias) => (0.0, 0.3),
            (Slot::Embed, _) => (0.0, 0.6 / self.architecture.embed.scale),
            (Slot::Unembed, _) => (0.0, 0.6),
            (slot, _) if self.architecture.has_norm(slot) => (norm_weight, 0.3),
            _ => (0.0, self.gain / f64::from(parameter.shape[1]).sqrt()),
        };
        Normal::new(mean, deviation).expect("a positive deviation")
    }
}
