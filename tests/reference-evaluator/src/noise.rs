//! Gaussian noise on a corrupted prompt's embedding.

use ndarray::Array2;
use patchsweep_core::context::Noise;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Adds the noise of a prompt to its embedding \[positions, `d_model`\].
///
/// `positions`: those of the prompt that have noise. `prompt`: index in the dataset. `deviation`: of the token embedding's entries. Each prompt and position has a random
/// stream of its own, so that the numbers do not depend on what else is drawn.
pub(crate) fn add(embedding: &mut Array2<f64>, noise: &Noise, positions: &[u32], prompt: u32, deviation: f64) {
    for &position in positions {
        let mut rng = ChaCha8Rng::seed_from_u64(noise.seed);
        rng.set_stream(u64::from(prompt) << 32 | u64::from(position));
        for entry in embedding.row_mut(position as usize) {
            let standard: f32 = StandardNormal.sample(&mut rng);
            *entry += f64::from(standard) * f64::from(noise.scale) * deviation;
        }
    }
}
