//! Where heads of the model that finds surnames are to look.
//!
//! Trained on the answers alone, models of this size find surnames with soft attention of many heads, of which none looks at the
//! surname. That is no circuit to learn path patching on. So the first steps also ask for attention: one head of layer 0 is to
//! look at the position before, one head of layer 1 from a first name at the surname behind the same name in the list, and all
//! others at the beginning, where heads with nothing to do rest. The steps after these ask for the answers alone.

use tch::{Kind, Tensor};

use crate::sequences::Sequences;

/// Layer and head that look at the position before.
pub(crate) const PREVIOUS_TOKEN: (usize, i64) = (0, 2);

/// Layer and head that look at the surname.
pub(crate) const INDUCTION: (usize, i64) = (1, 1);

/// How far attention is from what the first steps ask for: the mean negative logarithm of the probabilities that should be 1.
///
/// `patterns`: of each layer `[batch, head, position, position attended to]`.
pub(crate) fn guidance(patterns: &[Tensor], sequences: &Sequences) -> Tensor {
    let mut idle = Vec::new();
    let mut sum = Tensor::zeros([1], (Kind::Float, patterns[0].device()));
    for (layer, pattern) in patterns.iter().enumerate() {
        let heads = pattern.size()[1];
        for head in 0..heads {
            let of_head = pattern.select(1, head);
            match (layer, head) {
                PREVIOUS_TOKEN => sum += surprise(&to_previous(&of_head)),
                INDUCTION => sum += surprise(&to_sources(&of_head, sequences)),
                _ => idle.push(surprise(&of_head.select(2, 0))),
            }
        }
    }
    sum + Tensor::stack(&idle, 0).mean(Kind::Float)
}

/// From each position but the first to the one before, `[batch, position]`.
fn to_previous(pattern: &Tensor) -> Tensor {
    pattern.diagonal(-1, 1, 2)
}

/// From where targets are predicted to where their tokens stand, `[batch, target]`.
pub(crate) fn to_sources(pattern: &Tensor, sequences: &Sequences) -> Tensor {
    pattern.index_select(1, &sequences.reads()).gather(2, &sequences.sources().unsqueeze(-1), false).squeeze_dim(-1)
}

fn surprise(probabilities: &Tensor) -> Tensor {
    -(probabilities + 1e-6).log().mean(Kind::Float)
}

/// From where targets' tokens stand to the position before, `[batch, target]`.
pub(crate) fn from_sources_to_previous(pattern: &Tensor, sequences: &Sequences) -> Tensor {
    to_previous(pattern).gather(1, &(sequences.sources() - 1), false)
}
