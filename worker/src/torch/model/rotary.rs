//! Rotary position embedding: queries and keys are rotated by their position.

use patchsweep_core::architecture::{Architecture, Pairing, Rotary};
use tch::{Device, Kind, Tensor};

use crate::torch::positions::At;

/// One table for each way in which layers rotate.
pub(crate) struct Rotations(Vec<Rotation>);

/// Angles of some positions.
struct Rotation {
    rotary: Rotary,
    /// Cosine and sine of each, float32 \[positions, 2, pairs\].
    turns: Tensor,
}

impl Rotations {
    /// For prompts of so many positions.
    pub(crate) fn of(model: &Architecture, positions: u32, device: Device) -> Self {
        let mut different: Vec<Rotary> = Vec::new();
        for rotary in model.attention.layers.iter().filter_map(|layer| layer.rotary) {
            if !different.contains(&rotary) {
                different.push(rotary);
            }
        }
        Self(different.into_iter().map(|rotary| Rotation::new(rotary, positions, device)).collect())
    }

    /// Queries or keys, rotated.
    pub(crate) fn rotated(&self, rotary: &Rotary, x: &Tensor, at: At<'_>) -> Tensor {
        let rotation = self.0.iter().find(|rotation| rotation.rotary == *rotary);
        rotation.expect("there is one for each layer").rotated(x, at)
    }
}

impl Rotation {
    /// Angles are computed in float64, as they grow with the position.
    fn new(rotary: Rotary, positions: u32, device: Device) -> Self {
        let positions = Tensor::arange(i64::from(positions), (Kind::Double, Device::Cpu));
        let angles = positions.outer(&Tensor::from_slice(&rotary.frequencies()));
        let turns = Tensor::stack(&[angles.cos(), angles.sin()], 1).to_kind(Kind::Float).to_device(device);
        Self { rotary, turns }
    }

    fn rotated(&self, x: &Tensor, at: At<'_>) -> Tensor {
        let width = i64::from(self.rotary.width);
        let rest = x.size().last().copied().unwrap_or(width) - width;
        let turns = at.of(&self.turns);
        // The same for all heads.
        let [cos, sin] = [0, 1].map(|part| turns.select(1, part).unsqueeze(1));
        let turned = x.narrow(-1, 0, width).to_kind(Kind::Float);
        let turn = |a: Tensor, b: Tensor| [&a * &cos - &b * &sin, b * &cos + a * &sin];
        let turned = match self.rotary.pairing {
            Pairing::Halves => {
                let half = width / 2;
                Tensor::cat(&turn(turned.narrow(-1, 0, half), turned.narrow(-1, half, half)), -1)
            }
            Pairing::Adjacent => {
                let pairs = turned.unflatten(-1, [width / 2, 2]);
                Tensor::stack(&turn(pairs.select(-1, 0), pairs.select(-1, 1)), -1).flatten(-2, -1)
            }
        };
        let turned = turned.to_kind(x.kind());
        if rest == 0 { turned } else { Tensor::cat(&[turned, x.narrow(-1, width, rest)], -1) }
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::architecture::Scaling;

    use super::*;
    use crate::torch::positions::Positions;

    fn rotated(pairing: Pairing, width: u32, x: &[f32], positions: &Positions) -> Vec<f32> {
        let rotary = Rotary { width, pairing, base: 100.0, scaling: Scaling::None };
        let rotation = Rotation::new(rotary, 8, Device::Cpu);
        let x = Tensor::from_slice(x).view([positions.len(), 1, -1]);
        rotation.rotated(&x, At::Positions(positions)).flatten(0, -1).try_into().expect("numbers")
    }

    /// Frequencies are 1 and 0.1.
    #[test]
    fn pairs_turn_by_position_times_frequency() {
        let turn = |angle: f32, [a, b]: [f32; 2]| {
            let (sin, cos) = angle.sin_cos();
            [a * cos - b * sin, b * cos + a * sin]
        };
        let positions = Positions::new([0, 3]);
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        let both = [x, x].concat();
        let close = |found: Vec<f32>, wanted: [f32; 5]| {
            assert_eq!(found[..5], x, "position 0 is not turned");
            for (found, wanted) in found[5..].iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-6, "{found} is not {wanted}");
            }
        };
        let (quick, slow) = (turn(3.0, [1.0, 3.0]), turn(0.3, [2.0, 4.0]));
        close(rotated(Pairing::Halves, 4, &both, &positions), [quick[0], slow[0], quick[1], slow[1], 5.0]);
        let (quick, slow) = (turn(3.0, [1.0, 2.0]), turn(0.3, [3.0, 4.0]));
        close(rotated(Pairing::Adjacent, 4, &both, &positions), [quick[0], quick[1], slow[0], slow[1], 5.0]);
    }
}
