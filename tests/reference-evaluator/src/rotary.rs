//! Rotation of queries and keys by their position.

use std::f64::consts::TAU;

use ndarray::Array3;
use patchsweep_core::architecture::{Pairing, Rotary, Scaling};

/// Queries or keys \[pos, head, `d_head`\], rotated. What is beyond the rotary's width stays.
pub(crate) fn rotated(rotary: &Rotary, mut x: Array3<f64>) -> Array3<f64> {
    let width = rotary.width as usize;
    let (positions, heads, _) = x.dim();
    for pair in 0..width / 2 {
        let (first, second) = match rotary.pairing {
            Pairing::Halves => (pair, pair + width / 2),
            Pairing::Adjacent => (2 * pair, 2 * pair + 1),
        };
        for pos in 0..positions {
            #[allow(clippy::cast_precision_loss, reason = "few positions")]
            let (sin, cos) = (frequency(rotary, pair) * pos as f64).sin_cos();
            for head in 0..heads {
                let (a, b) = (x[[pos, head, first]], x[[pos, head, second]]);
                x[[pos, head, first]] = a * cos - b * sin;
                x[[pos, head, second]] = a * sin + b * cos;
            }
        }
    }
    x
}

/// Radians per position.
fn frequency(rotary: &Rotary, pair: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "few pairs")]
    let exponent = 2.0 * pair as f64 / f64::from(rotary.width);
    let plain = 1.0 / rotary.base.powf(exponent);
    match rotary.scaling {
        Scaling::None => plain,
        Scaling::Linear { factor } => plain / factor,
        Scaling::Llama3 { factor, low, high, original } => {
            let original = f64::from(original);
            let wavelength = TAU / plain;
            if wavelength > original / low {
                plain / factor
            } else if wavelength < original / high {
                plain
            } else {
                let smooth = (original / wavelength - low) / (high - low);
                smooth * plain + (1.0 - smooth) * plain / factor
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;

    fn rotary(width: u32, pairing: Pairing, scaling: Scaling) -> Rotary {
        Rotary { width, pairing, base: 100.0, scaling }
    }

    #[test]
    fn pairs_turn_by_their_frequency_and_the_rest_stays() {
        let x = Array::from_iter((0..12).map(f64::from)).into_shape_with_order((2, 1, 6)).expect("twelve entries");
        for (pairing, [a, b]) in [(Pairing::Halves, [1, 3]), (Pairing::Adjacent, [2, 3])] {
            let turned = rotated(&rotary(4, pairing, Scaling::None), x.clone());
            for entry in 0..6 {
                assert!((turned[[0, 0, entry]] - x[[0, 0, entry]]).abs() < 1e-12, "position 0 is not turned");
            }
            // The second pair turns by 1 / sqrt(base) per position.
            let (sin, cos) = 0.1f64.sin_cos();
            let wanted = [x[[1, 0, a]] * cos - x[[1, 0, b]] * sin, x[[1, 0, a]] * sin + x[[1, 0, b]] * cos];
            for (entry, wanted) in [a, b].into_iter().zip(wanted) {
                assert!((turned[[1, 0, entry]] - wanted).abs() < 1e-12, "{pairing:?}: {turned}");
            }
            assert!((4..6).all(|entry| turned[[1, 0, entry]].to_bits() == x[[1, 0, entry]].to_bits()));
        }
    }

    /// Two programs of one formula: this one goes by wavelengths, the core's by turns.
    #[test]
    fn frequencies_are_the_cores() {
        let llama3 = Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 32 };
        for scaling in [Scaling::None, Scaling::Linear { factor: 3.0 }, llama3] {
            let rotary = rotary(8, Pairing::Halves, scaling);
            for (pair, wanted) in rotary.frequencies().into_iter().enumerate() {
                assert!((frequency(&rotary, pair) - wanted).abs() < 1e-12);
            }
        }
    }
}
