//! Gaussian noise on embeddings, equal on every worker and for every cut of the prompts.

use patchsweep_core::context::Noise;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tch::{Kind, Tensor};

use crate::torch::model::parameters::Model;
use crate::torch::numbers::host_wide;

impl Model {
    /// What is added to the embeddings of some prompts \[prompts, positions, `d_model`\].
    ///
    /// `prompts`: which ones of the dataset.
    /// Each prompt and position draws `d_model` numbers from a stream of its own, in float32.
    pub(crate) fn noise(&self, noise: &Noise, prompts: &[u32], positions: u32) -> Tensor {
        let width = self.architecture.d_model as usize;
        let mut numbers = vec![0f32; prompts.len() * positions as usize * width];
        let rows = numbers
            .chunks_mut(width)
            .zip(prompts.iter().flat_map(|&prompt| (0..positions).map(move |pos| (prompt, pos))));
        for (row, (prompt, pos)) in rows.filter(|(_, (_, pos))| noise.positions.contains(pos)) {
            let mut stream = ChaCha8Rng::seed_from_u64(noise.seed);
            stream.set_stream(u64::from(prompt) << 32 | u64::from(pos));
            row.fill_with(|| StandardNormal.sample(&mut stream));
        }
        let deviation = f64::from(noise.scale) * self.embed_deviation();
        let numbers = Tensor::from_slice(&numbers) * deviation;
        let shape = [-1, i64::from(positions), i64::from(self.architecture.d_model)];
        numbers.view(shape).to_device(self.embed.device()).to_kind(self.embed.kind())
    }

    /// Sample standard deviation of all entries of the embeddings, as they are scaled; made for the first sweep with noise.
    fn embed_deviation(&self) -> f64 {
        *self.embed_deviation.get_or_init(|| deviation(&self.embed) * self.architecture.embed.scale)
    }
}

/// Sample standard deviation of all entries of a matrix, in float64; some rows at a time, so that no such copy of the whole
/// is made.
fn deviation(matrix: &Tensor) -> f64 {
    const NUMBERS: i64 = 1 << 18;
    const NUMBERS_ON_GPU: i64 = 1 << 24;
    let numbers = if matrix.device().is_cuda() { NUMBERS_ON_GPU } else { NUMBERS };
    let (rows, width) = matrix.size2().expect("a matrix");
    let sum = |of: &dyn Fn(Tensor) -> Tensor| -> f64 {
        let parts = matrix.split((numbers / width.max(1)).max(1), 0);
        let sums = parts.into_iter().map(|part| of(part.to_kind(Kind::Double)).sum(Kind::Double));
        host_wide(&Tensor::stack(&sums.collect::<Vec<_>>(), 0)).iter().sum()
    };
    let [rows, width] = [rows, width].map(|size| f64::from(u32::try_from(size).expect("a model's size")));
    let count = rows * width;
    let mean = sum(&|part| part) / count;
    (sum(&|part| (part - mean).square()) / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::torch::numbers::length;

    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn the_deviation_is_that_of_all_entries_at_once() {
        // Drawn here, as libtorch's own generator is shared with the tests that run meanwhile.
        let mut stream = ChaCha8Rng::seed_from_u64(1);
        for (rows, width) in [(1, 2), (4096, 3), (10_001, 64)] {
            let numbers: Vec<f32> = (&mut stream).sample_iter(StandardNormal).take(rows * width).collect();
            let matrix = Tensor::from_slice(&numbers).view([length(rows), length(width)]) * 0.02 + 0.01;
            let at_once = matrix.to_kind(Kind::Double).std(true).double_value(&[]);
            let found = deviation(&matrix);
            // libtorch's takes the numbers one after the other, so that its rounding grows as the root of how many there are.
            let bound = f64::EPSILON * (numbers.len() as f64).sqrt() * at_once;
            assert!((found - at_once).abs() <= bound, "{rows} x {width}: {found}, {at_once}");
        }
    }
}
