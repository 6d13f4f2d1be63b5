//! What layers are made of: linear maps, norms, and their initial weights.

use tch::{
    Tensor,
    nn::{Init, Path},
};

use crate::architecture::Architecture;

/// The standard deviation of initial weights, as in GPT-2.
pub(crate) const INITIAL_DEVIATION: f64 = 0.02;

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
