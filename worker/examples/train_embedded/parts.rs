//! What layers are made of: linear maps, norms, and their initial weights.

use tch::{
    Device, Kind, Tensor,
    nn::{Init, Path},
};

use crate::architecture::Architecture;

/// What tensors are made of here.
const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// A linear map whose weight is `[in, out]`, as GPT-2 stores it.
pub(crate) struct Conv1d {
    weight: Tensor,
    bias: Tensor,
}

impl Conv1d {
    pub(crate) fn new(path: &Path, inputs: i64, outputs: i64, deviation: f64) -> Self {
        Self { weight: path.var("weight", &[inputs, outputs], normal(deviation)), bias: path.zeros("bias", &[outputs]) }
    }

    pub(crate) fn forward(&self, input: &Tensor) -> Tensor {
        input.matmul(&self.weight) + &self.bias
    }
}

/// Normalisation over the residual stream's width, with a gain and a bias.
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(path: &Path, architecture: &Architecture) -> Self {
        Self {
            weight: path.ones("weight", &[architecture.width]),
            bias: path.zeros("bias", &[architecture.width]),
            epsilon: architecture.layer_norm_epsilon,
        }
    }

    pub(crate) fn forward(&self, input: &Tensor) -> Tensor {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        input.layer_norm(self.weight.size(), weight, bias, self.epsilon, false)
    }
}

/// Normally distributed initial weights.
pub(crate) fn normal(deviation: f64) -> Init {
    Init::Randn { mean: 0.0, stdev: deviation }
}

/// Position embeddings `[position, width]` of sines and cosines with wavelengths from 2 pi to 30 times as much.
pub(crate) fn waves(positions: i64, width: i64, deviation: f64) -> Tensor {
    let places = Tensor::arange(positions, FLOAT).unsqueeze(1);
    let rates = (Tensor::arange(width / 2, FLOAT) * (-2.0 * 30f64.ln())
        / f64::from(i32::try_from(width).expect("narrow")))
    .exp();
    let angles = places * rates.unsqueeze(0);
    Tensor::cat(&[angles.sin(), angles.cos()], 1) * (deviation * 2f64.sqrt())
}
