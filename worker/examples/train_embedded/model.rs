//! GPT-2 as Hugging Face lays it out: names, shapes and arithmetic.

use tch::{Tensor, nn::Path};

use crate::{
    architecture::Architecture,
    block::Block,
    parts::{LayerNorm, normal, waves},
    sequences::Sequences,
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
        let (width, initial) = (architecture.width, architecture.initial);
        let embedding = |name, rows| (&transformer / name).var("weight", &[rows, width], normal(initial.embedding));
        let position_waves = || {
            let first = waves(architecture.positions, width, initial.embedding);
            (&transformer / "wpe").var_copy("weight", &first)
        };
        Self {
            token_embedding: embedding("wte", architecture.vocabulary),
            position_embedding: if initial.waves { position_waves() } else { embedding("wpe", architecture.positions) },
            blocks: (0..architecture.layers)
                .map(|layer| Block::new(&(&transformer / "h" / layer), architecture))
                .collect(),
            final_norm: LayerNorm::new(&(&transformer / "ln_f"), architecture),
        }
    }

    /// The logits `[batch, target, vocabulary]` at the positions from which sequences' targets are to be predicted.
    pub(crate) fn logits(&self, sequences: &Sequences) -> Tensor {
        let residual = self.embed(&sequences.read());
        let residual = self.blocks.iter().fold(residual, |residual, block| block.forward(&residual, None));
        self.unembed(&residual, sequences)
    }

    /// The same, and of each layer the attention pattern `[batch, head, position, position attended to]`.
    pub(crate) fn logits_and_patterns(&self, sequences: &Sequences) -> (Tensor, Vec<Tensor>) {
        let mut patterns = Vec::with_capacity(self.blocks.len());
        let residual = self.embed(&sequences.read());
        let residual =
            self.blocks.iter().fold(residual, |residual, block| block.forward(&residual, Some(&mut patterns)));
        (self.unembed(&residual, sequences), patterns)
    }

    /// What attention adds to the residual stream in layer 0, `[batch, position, width]`.
    pub(crate) fn first_attention(&self, sequences: &Sequences) -> Tensor {
        self.blocks[0].attended(&self.embed(&sequences.read()), None)
    }

    fn unembed(&self, residual: &Tensor, sequences: &Sequences) -> Tensor {
        let normed = self.final_norm.forward(&residual.index_select(1, &sequences.reads()));
        normed.matmul(&self.token_embedding.tr())
    }

    fn embed(&self, tokens: &Tensor) -> Tensor {
        let (_, length) = tokens.size2().expect("tokens are [batch, position]");
        let positions = self.position_embedding.narrow(0, 0, length);
        Tensor::embedding(&self.token_embedding, tokens, -1, false, false) + positions
    }
}
