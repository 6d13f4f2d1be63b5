//! GPT-2 as Hugging Face lays it out: names, shapes and arithmetic.

use tch::{Tensor, nn::Path};

use crate::{
    architecture::Architecture,
    batches::Sequences,
    block::Block,
    parts::{INITIAL_DEVIATION, LayerNorm, normal},
};

/// The whole transformer; the unembedding is the token embedding, transposed.
pub(crate) struct Gpt2 {
    token_embedding: Tensor,
    position_embedding: Tensor,
    blocks: Vec<Block>,
    final_norm: LayerNorm,
}

impl Gpt2 {
    pub(crate) fn new(root: &Path, architecture: &Architecture) -> Self {
        let transformer = root / "transformer";
        let embedding = |name, rows| {
            let initial = normal(INITIAL_DEVIATION);
            (&transformer / name).var("weight", &[rows, architecture.width], initial)
        };
        Self {
            token_embedding: embedding("wte", architecture.vocabulary),
            position_embedding: embedding("wpe", architecture.positions),
            blocks: (0..architecture.layers)
                .map(|layer| Block::new(&(&transformer / "h" / layer), architecture))
                .collect(),
            final_norm: LayerNorm::new(&(&transformer / "ln_f"), architecture),
        }
    }

    /// The logits `[batch, letter, vocabulary]` at the positions where sequences' letters are to be predicted.
    pub(crate) fn letter_logits(&self, sequences: &Sequences) -> Tensor {
        let mut residual = self.embed(&sequences.read());
        for block in &self.blocks {
            residual = block.forward(&residual);
        }
        let letter_count = sequences.letters().size()[1];
        let letter_residual = residual.narrow(1, -letter_count, letter_count);
        let normed = self.final_norm.forward(&letter_residual);
        normed.matmul(&self.token_embedding.tr())
    }

    fn embed(&self, tokens: &Tensor) -> Tensor {
        let (_, length) = tokens.size2().expect("tokens are [batch, position]");
        let positions = self.position_embedding.narrow(0, 0, length);
        Tensor::embedding(&self.token_embedding, tokens, -1, false, false) + positions
    }
}
