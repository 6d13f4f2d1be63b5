//! The parts that blocks are made of.

use ndarray::{Array, Array1, Array2, ArrayBase, Axis, DataMut, Dimension, Ix1, RemoveAxis};
use patchsweep_core::architecture::{Activation, NormKind};

/// `y = W x + b`.
pub(crate) struct Linear {
    /// \[out, in\]
    pub(crate) weight: Array2<f64>,
    /// \[out\]
    pub(crate) bias: Option<Array1<f64>>,
}

impl Linear {
    /// \[positions, in\] to \[positions, out\].
    pub(crate) fn of(&self, x: &Array2<f64>) -> Array2<f64> {
        let y = x.dot(&self.weight.t());
        match &self.bias {
            Some(bias) => y + bias,
            None => y,
        }
    }
}

/// Over the last dimension.
pub(crate) struct Norm {
    pub(crate) kind: NormKind,
    pub(crate) eps: f64,
    /// What the normalised entries are multiplied by.
    pub(crate) weight: Option<Array1<f64>>,
    pub(crate) bias: Option<Array1<f64>>,
}

impl Norm {
    /// \[.., width\]
    pub(crate) fn of<D: Dimension + RemoveAxis>(&self, x: &Array<f64, D>) -> Array<f64, D> {
        self.dividing_as(x, x)
    }

    /// The same, where each row is divided by what that row of `like` would be divided by.
    pub(crate) fn dividing_as<D: Dimension + RemoveAxis>(
        &self,
        x: &Array<f64, D>,
        like: &Array<f64, D>,
    ) -> Array<f64, D> {
        let (mut normed, mut like) = (x.clone(), like.clone());
        let last = Axis(x.ndim() - 1);
        for (mut row, mut like) in normed.lanes_mut(last).into_iter().zip(like.lanes_mut(last)) {
            self.centre(&mut row);
            self.centre(&mut like);
            let mean_square = like.mapv(|entry| entry * entry).mean().expect("a width");
            row /= (mean_square + self.eps).sqrt();
            if let Some(weight) = &self.weight {
                row *= weight;
            }
            if let Some(bias) = &self.bias {
                row += bias;
            }
        }
        normed
    }

    fn centre<S: DataMut<Elem = f64>>(&self, row: &mut ArrayBase<S, Ix1>) {
        if self.kind == NormKind::Layer {
            let mean = row.mean().expect("a width");
            *row -= mean;
        }
    }
}

/// The MLP's nonlinearity of one number.
pub(crate) fn activate(activation: Activation, x: f64) -> f64 {
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

/// Keeps a number between minus and plus a cap.
pub(crate) fn capped(cap: Option<f64>, x: f64) -> f64 {
    cap.map_or(x, |cap| cap * (x / cap).tanh())
}

#[cfg(test)]
mod tests {
    use ndarray::{arr1, arr2};

    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    }

    #[test]
    fn a_layer_norm_takes_the_mean_away_and_an_rms_norm_does_not() {
        let norm =
            |kind| Norm { kind, eps: 0.0, weight: Some(arr1(&[1.0, 1.0, 2.0])), bias: Some(arr1(&[0.0, 5.0, 0.0])) };
        let x = arr2(&[[1.0, 2.0, 3.0]]);
        let layer = norm(NormKind::Layer).of(&x);
        close(layer[[0, 0]], -(1.5f64.sqrt()));
        close(layer[[0, 1]], 5.0);
        close(layer[[0, 2]], 2.0 * 1.5f64.sqrt());
        let rms = norm(NormKind::Rms).of(&x);
        close(rms[[0, 0]], (3.0f64 / 14.0).sqrt());
        close(rms[[0, 2]], 6.0 * (3.0f64 / 14.0).sqrt());
    }

    /// Values of PyTorch 2.11.
    #[test]
    fn nonlinearities_are_the_usual_ones() {
        close(activate(Activation::Gelu, 1.0), 0.841_344_746);
        close(activate(Activation::GeluTanh, 1.0), 0.841_191_991);
        close(activate(Activation::Silu, 1.0), 0.731_058_579);
        close(activate(Activation::Silu, -1.0), -0.268_941_421);
        close(activate(Activation::Relu, -1.0), 0.0);
    }

    #[test]
    fn a_cap_bounds_large_numbers_and_keeps_small_ones() {
        close(capped(Some(4.0), 1e9), 4.0);
        close(capped(Some(4.0), -1e9), -4.0);
        close(capped(Some(4.0), 1e-6), 1e-6);
        close(capped(None, 7.0), 7.0);
    }
}
