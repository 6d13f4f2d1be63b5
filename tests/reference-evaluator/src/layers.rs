//! The parts that blocks are made of.

use ndarray::{Array1, Array2, Axis};
use patchsweep_core::architecture::Activation;

/// `y = x W + b`.
pub(super) struct Linear {
    /// \[in, out\]
    pub(super) weight: Array2<f64>,
    /// \[out\]
    pub(super) bias: Array1<f64>,
}

impl Linear {
    /// \[positions, in\] to \[positions, out\].
    pub(super) fn of(&self, x: &Array2<f64>) -> Array2<f64> {
        x.dot(&self.weight) + &self.bias
    }
}

/// Over the last dimension.
pub(super) struct LayerNorm {
    pub(super) weight: Array1<f64>,
    pub(super) bias: Array1<f64>,
    pub(super) epsilon: f64,
}

impl LayerNorm {
    /// \[positions, `d_model`\]
    pub(super) fn of(&self, x: &Array2<f64>) -> Array2<f64> {
        let mut normed = x.clone();
        for mut row in normed.axis_iter_mut(Axis(0)) {
            let mean = row.mean().expect("a width");
            row -= mean;
            let variance = row.mapv(|entry| entry * entry).mean().expect("a width");
            row /= (variance + self.epsilon).sqrt();
        }
        normed * &self.weight + &self.bias
    }
}

/// The MLP's nonlinearity of one number.
pub(super) fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::Gelu => 0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)),
        Activation::Relu => x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
    }
}
