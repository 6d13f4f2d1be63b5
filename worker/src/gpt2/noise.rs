//! Gaussian noise on embeddings, equal on every worker and for every cut of the prompts.

use std::ops::Range;

use patchsweep_proto::context::Noise;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tch::{Kind, Tensor};

use super::weights::Gpt2;

impl Gpt2 {
    /// What is added to the embeddings of some prompts \[prompts, positions, `d_model`\].
    ///
    /// Each prompt and position draws `d_model` numbers from a stream of its own, in float32.
    pub(super) fn noise(&self, noise: &Noise, prompts: Range<u32>, positions: u32) -> Tensor {
        let width = self.config.shape.d_model as usize;
        let mut numbers = vec![0f32; prompts.len() * positions as usize * width];
        let rows =
            numbers.chunks_mut(width).zip(prompts.flat_map(|prompt| (0..positions).map(move |pos| (prompt, pos))));
        for (row, (prompt, pos)) in rows.filter(|(_, (_, pos))| noise.positions.contains(pos)) {
            let mut stream = ChaCha8Rng::seed_from_u64(noise.seed);
            stream.set_stream(u64::from(prompt) << 32 | u64::from(pos));
            row.fill_with(|| StandardNormal.sample(&mut stream));
        }
        let deviation = f64::from(noise.scale) * self.embedding_deviation();
        let numbers = Tensor::from_slice(&numbers) * deviation;
        let shape = [-1, i64::from(positions), i64::from(self.config.shape.d_model)];
        numbers.view(shape).to_device(self.embed.device()).to_kind(self.embed.kind())
    }

    /// Sample standard deviation of all entries of the token embedding.
    fn embedding_deviation(&self) -> f64 {
        self.embed.to_kind(Kind::Double).std(true).double_value(&[])
    }
}
