//! A dictionary's tensors, float32 whatever the model's dtype: a feature is on or off by the sign of a small number.

use patchsweep_core::dictionary::{Dictionary, Encoder};
use patchsweep_core::length as count;
use patchsweep_files::{DictionaryFileError, DictionaryFiles};
use tch::{Device, Kind, Tensor};

use crate::torch::gpu::upload;
use crate::torch::model::exec::Exec;

/// A dictionary's tensors.
#[derive(Debug)]
pub(crate) struct DictionaryTensors {
    /// \[width, feature\]
    pub(crate) encoder: Tensor,
    /// What is added to a row's product with the encoder \[feature\].
    pub(crate) bias: Tensor,
    /// \[feature, width\]: what a feature of 1 is at the site.
    pub(crate) decoder: Tensor,
    /// Whether an activation's mean is taken off it first.
    pub(crate) subtracts_mean: bool,
    /// What is taken off it then \[width\].
    pub(crate) input_bias: Option<Tensor>,
    pub(crate) rule: Rule,
    features: u32,
}

/// How features are made of h, an activation's product with the encoder, without bias. All vectors are \[feature\].
#[derive(Debug)]
pub(crate) enum Rule {
    Standard,
    JumpRelu {
        threshold: Tensor,
    },
    /// `scale`: what h is multiplied by before the largest are found.
    TopK {
        k: i64,
        scale: Option<Tensor>,
    },
    Gated {
        scale: Tensor,
        bias: Tensor,
    },
}

/// Some of a dictionary's features.
#[derive(Debug)]
pub(crate) struct Selected {
    /// int64; `None`: all, in order.
    index: Option<Tensor>,
    count: u32,
}

impl Selected {
    /// Of a dictionary with so many.
    pub(crate) fn of(features: &[u32], all: u32, device: Device) -> Self {
        let is_whole = features.iter().copied().eq(0..all);
        let index = || features.iter().map(|&feature| i64::from(feature)).collect::<Vec<_>>();
        Self { index: (!is_whole).then(|| upload(&index(), device)), count: count(features.len()) }
    }

    fn of_dim(&self, x: &Tensor, dim: i64) -> Tensor {
        self.index.as_ref().map_or_else(|| x.shallow_clone(), |index| x.index_select(dim, index))
    }
}

impl DictionaryTensors {
    /// Reads them from files that are of the dictionary.
    pub(crate) fn read(
        files: &DictionaryFiles,
        dictionary: &Dictionary,
        device: Device,
    ) -> Result<Self, DictionaryFileError> {
        let tensor = |name| Ok::<_, DictionaryFileError>(Tensor::from_slice(&files.tensor(name)?));
        let [width, features] = [dictionary.width, dictionary.features].map(i64::from);
        let encoder = tensor("W_enc")?.view([width, features]).to_device(device);
        let mut decoder = tensor("W_dec")?.view([features, width]).to_device(device);
        let vector = |name| Ok::<_, DictionaryFileError>(tensor(name)?.to_device(device));
        let input_bias = if dictionary.subtracts_decoder_bias { Some(vector("b_dec")?) } else { None };
        let (bias, rule) = match dictionary.encoder {
            Encoder::Standard => (vector("b_enc")?, Rule::Standard),
            Encoder::JumpRelu => (vector("b_enc")?, Rule::JumpRelu { threshold: vector("threshold")? }),
            Encoder::Gated => {
                let (scale, bias) = (vector("r_mag")?.exp(), vector("b_mag")?);
                (vector("b_gate")?, Rule::Gated { scale, bias })
            }
            Encoder::TopK { k, rescaled } => {
                let lengths = decoder.norm_scalaropt_dim(2, [1i64].as_slice(), false);
                let scale = rescaled.then(|| {
                    decoder /= lengths.unsqueeze(1);
                    lengths
                });
                (vector("b_enc")?, Rule::TopK { k: k.into(), scale })
            }
        };
        let (subtracts_mean, features) = (dictionary.subtracts_mean(), dictionary.features);
        Ok(Self { encoder, bias, decoder, subtracts_mean, input_bias, rule, features })
    }

    /// Some features of activations \[rows, width\]: \[rows, features\], float32.
    pub(crate) fn encode(&self, exec: &Exec<'_>, x: &Tensor, selected: &Selected) -> Tensor {
        // Which are the largest depends on all.
        let needs_all = matches!(self.rule, Rule::TopK { .. });
        let all = Selected { index: None, count: self.features };
        let made = if needs_all { &all } else { selected };
        let at_once = (exec.most_logits / i64::from(made.count.max(1))).max(1);
        let encoder = made.of_dim(&self.encoder, 1);
        let part = |rows: Tensor| {
            let rows = rows.to_kind(Kind::Float);
            let rows = if self.subtracts_mean { &rows - means(&rows) } else { rows };
            let rows = self.input_bias.as_ref().map_or_else(|| rows.shallow_clone(), |bias| &rows - bias);
            let features = self.activated(exec.product(&rows, &encoder), made);
            if needs_all { selected.of_dim(&features, 1) } else { features }
        };
        let parts: Vec<Tensor> = x.split(at_once, 0).into_iter().map(part).collect();
        Tensor::cat(&parts, 0)
    }

    /// Features of their products with the encoder.
    fn activated(&self, products: Tensor, made: &Selected) -> Tensor {
        let vector = |x: &Tensor| made.of_dim(x, 0);
        let h = &products + vector(&self.bias);
        match &self.rule {
            Rule::Standard => h.relu(),
            Rule::JumpRelu { threshold } => h.relu() * h.gt_tensor(&vector(threshold)),
            Rule::Gated { scale, bias } => (products * vector(scale) + vector(bias)).relu() * h.gt(0.0),
            Rule::TopK { k, scale } => {
                let h = scale.as_ref().map_or_else(|| h.shallow_clone(), |scale| &h * scale);
                let (largest, places) = h.topk(*k, -1, true, false);
                h.zeros_like().scatter(-1, &places, &largest.relu())
            }
        }
    }

    /// Rows of the decoder, of features by their numbers \[features, width\].
    pub(crate) fn directions(&self, features: &[i64]) -> Tensor {
        let is_whole = features.iter().copied().eq(0..i64::from(self.features));
        if is_whole {
            return self.decoder.shallow_clone();
        }
        self.decoder.index_select(0, &upload(features, self.decoder.device()))
    }

    /// How many features there are.
    pub(crate) fn count(&self) -> u32 {
        self.features
    }

    /// What they take.
    pub(crate) fn bytes(&self) -> u64 {
        let matrices = [&self.encoder, &self.decoder].map(Tensor::numel);
        let vectors = 4 * self.features as usize;
        4 * (matrices.iter().sum::<usize>() + vectors) as u64
    }
}

/// Of rows \[rows, width\]: \[rows, 1\].
fn means(rows: &Tensor) -> Tensor {
    rows.mean_dim([-1i64].as_slice(), true, Kind::Float)
}
