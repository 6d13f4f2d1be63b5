//! Token sequences to train on, or to test on.

use tch::Tensor;

/// Whole sequences of equal length, and which of their tokens are to be predicted.
pub(crate) struct Sequences {
    /// `[batch, position]`.
    tokens: Tensor,
    /// The positions of the tokens that are to be predicted, the last token's among them.
    targets: Vec<i64>,
    /// For each of them the position where the same token stands already, where there is one in all sequences.
    sources: Vec<Vec<i64>>,
}

impl Sequences {
    /// Sequences in which `targets` are to be predicted.
    pub(crate) fn new(rows: &[Vec<u32>], targets: Vec<i64>) -> Self {
        let ids: Vec<i64> = rows.iter().flatten().copied().map(i64::from).collect();
        Self { tokens: Tensor::from_slice(&ids).view([length(rows), -1]), targets, sources: Vec::new() }
    }

    /// Says where the targets' tokens stand already: a list of positions for each sequence.
    pub(crate) fn with_sources(self, sources: Vec<Vec<i64>>) -> Self {
        Self { sources, ..self }
    }

    /// What a model reads, `[batch, position]`: all but the last token, after which nothing is to be predicted.
    pub(crate) fn read(&self) -> Tensor {
        self.tokens.narrow(1, 0, self.tokens.size()[1] - 1)
    }

    /// What it should write, `[batch, target]`.
    pub(crate) fn answers(&self) -> Tensor {
        self.tokens.index_select(1, &Tensor::from_slice(&self.targets))
    }

    /// The positions from which targets are predicted, `[target]`.
    pub(crate) fn reads(&self) -> Tensor {
        Tensor::from_slice(&self.targets) - 1
    }

    /// Where the targets' tokens stand already, `[batch, target]`.
    pub(crate) fn sources(&self) -> Tensor {
        Tensor::from_slice2(&self.sources)
    }

    /// The sequences in parts of at most `size`.
    pub(crate) fn chunks(&self, size: i64) -> impl Iterator<Item = Self> {
        let chunks = self.tokens.split(size, 0).into_iter();
        chunks.map(|tokens| Self { tokens, targets: self.targets.clone(), sources: Vec::new() })
    }
}

/// A length as libtorch counts it.
pub(crate) fn length<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).expect("what fits memory fits 63 bits")
}
