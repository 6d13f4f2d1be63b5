//! Dictionaries: what features of an activation are, and what writing some of them makes of it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayD, ArrayView1, s};
use patchsweep_core::dictionary::{Dictionary as Described, Encoder};
use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::writes::Write;
use safetensors::SafeTensors;

use crate::attention::value_constants;
use crate::model::Model;

/// A dictionary, in float64.
pub struct Dictionary {
    encoder: Encoder,
    subtracts_decoder_bias: bool,
    /// Of `TransformerLens`' centred weights: the activation at the site is one less its mean over the width.
    centred: bool,
    /// By the names that `SAELens` has for them.
    tensors: HashMap<String, ArrayD<f64>>,
    /// What stands at its site besides the hooked activation: of `z` the constant part of the values \[width\].
    constant: Option<Array1<f64>>,
}

impl Dictionary {
    /// Loads the float32 `sae_weights.safetensors` of a folder.
    ///
    /// # Panics
    /// When that is not there, or not of such a dictionary.
    #[must_use]
    pub fn load(folder: &Path, dictionary: &Described, model: &Model) -> Self {
        let constant = (dictionary.component == Component::Z).then(|| value_constants(model, dictionary.layer));
        let writes_to_the_stream =
            [Component::ResidPre, Component::ResidMid, Component::ResidPost, Component::AttnOut, Component::MlpOut];
        let centred = dictionary.of_centred_model && writes_to_the_stream.contains(&dictionary.component);
        Self { centred, constant, ..Self::read(folder, dictionary.encoder, dictionary.subtracts_decoder_bias) }
    }

    /// The same of activations by themselves.
    ///
    /// # Panics
    /// As [`Dictionary::load`].
    #[must_use]
    pub fn read(folder: &Path, encoder: Encoder, subtracts_decoder_bias: bool) -> Self {
        let bytes = fs::read(folder.join("sae_weights.safetensors")).expect("a readable file");
        let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let tensor = |(name, tensor): (String, safetensors::tensor::TensorView<'_>)| {
            let numbers = tensor.data().chunks_exact(4);
            let numbers = numbers.map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect();
            (name, ArrayD::from_shape_vec(tensor.shape(), numbers).expect("as many as its shape says"))
        };
        let tensors = file.tensors().into_iter().map(tensor).collect();
        Self { encoder, subtracts_decoder_bias, centred: false, tensors, constant: None }
    }

    fn vector(&self, name: &str) -> Array1<f64> {
        self.tensors[name].clone().into_dimensionality().expect("a vector")
    }

    fn matrix(&self, name: &str) -> Array2<f64> {
        self.tensors[name].clone().into_dimensionality().expect("a matrix")
    }

    /// All features of one position's activation, and by how little the nearest number misses a value at which a feature goes on
    /// or off.
    #[must_use]
    pub fn features(&self, x: &ArrayView1<'_, f64>) -> (Vec<f64>, f64) {
        let mut x = x.to_owned();
        if self.centred {
            let mean = x.mean().expect("a width of one at least");
            x -= mean;
        }
        if self.subtracts_decoder_bias {
            x -= &self.vector("b_dec");
        }
        let product = x.dot(&self.matrix("W_enc"));
        let relu = |h: f64| h.max(0.0);
        let nearest = |switches: &mut dyn Iterator<Item = f64>| switches.fold(f64::INFINITY, f64::min);
        match self.encoder {
            Encoder::Standard => {
                let h = product + self.vector("b_enc");
                (h.mapv(relu).to_vec(), nearest(&mut h.iter().map(|h| h.abs())))
            }
            Encoder::JumpRelu => {
                let (h, threshold) = (product + self.vector("b_enc"), self.vector("threshold"));
                let both = || h.iter().zip(&threshold);
                let features = both().map(|(&h, &threshold)| if h > threshold { relu(h) } else { 0.0 }).collect();
                (features, nearest(&mut both().map(|(h, threshold)| (h - threshold).abs().min(h.abs()))))
            }
            Encoder::Gated => {
                let gate = &product + &self.vector("b_gate");
                let strength = product * self.vector("r_mag").mapv(f64::exp) + self.vector("b_mag");
                let both = || gate.iter().zip(&strength);
                let features = both().map(|(&gate, &h)| if gate > 0.0 { relu(h) } else { 0.0 }).collect();
                (features, nearest(&mut both().map(|(gate, h)| gate.abs().min(h.abs()))))
            }
            Encoder::TopK { k, rescaled } => {
                let mut h = product + self.vector("b_enc");
                if rescaled {
                    h *= &self.lengths();
                }
                let mut sorted = h.to_vec();
                sorted.sort_by(|a, b| b.total_cmp(a));
                let least = sorted[k as usize - 1];
                let features = h.iter().map(|&h| if h >= least { relu(h) } else { 0.0 }).collect();
                let next = sorted.get(k as usize).map_or(f64::INFINITY, |next| least - next);
                (features, nearest(&mut h.iter().map(|h| h.abs()).chain([next])))
            }
        }
    }

    /// Of the decoder's rows.
    fn lengths(&self) -> Array1<f64> {
        self.matrix("W_dec").rows().into_iter().map(|row| row.dot(&row).sqrt()).collect()
    }

    /// What a feature of 1 is at the site.
    fn direction(&self, feature: usize) -> Array1<f64> {
        let row = self.matrix("W_dec").slice(s![feature, ..]).to_owned();
        match self.encoder {
            Encoder::TopK { rescaled: true, .. } => row / self.lengths()[feature],
            _ => row,
        }
    }

    /// All positions' features of an activation at the site \[positions\]\[features\], and the nearest switch.
    pub(crate) fn of_activation(&self, activation: &ArrayD<f64>) -> (Vec<Vec<f64>>, f64) {
        let flat = flat(activation);
        let of_row = |row: ArrayView1<'_, f64>| match &self.constant {
            Some(constant) => self.features(&(&row + constant).view()),
            None => self.features(&row),
        };
        let (features, switches): (Vec<_>, Vec<_>) = flat.rows().into_iter().map(of_row).unzip();
        (features, switches.into_iter().fold(f64::INFINITY, f64::min))
    }

    /// Moves the features that are written to `new` \[positions\]\[features\].
    pub(crate) fn write(&self, write: &Write<'_>, new: &[Vec<f64>], activation: &mut ArrayD<f64>) {
        let (old, _) = self.of_activation(activation);
        let mut moved = flat(activation);
        for pos in write.indices(Axis::Pos).iter().map(|&pos| pos as usize) {
            for feature in write.indices(Axis::Feature).iter().map(|&feature| feature as usize) {
                let change = new[pos][feature] - old[pos][feature];
                moved.row_mut(pos).scaled_add(change, &self.direction(feature));
            }
        }
        for (entry, moved) in activation.iter_mut().zip(moved) {
            *entry = moved;
        }
    }
}

/// An activation \[positions, ..\], position by position.
fn flat(activation: &ArrayD<f64>) -> Array2<f64> {
    let positions = activation.shape()[0];
    let width = activation.len() / positions;
    Array2::from_shape_vec((positions, width), activation.iter().copied().collect()).expect("as many entries")
}
