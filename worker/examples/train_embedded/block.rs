//! One layer of the transformer.

use tch::{Kind, Tensor, nn::Path};

use crate::{
    architecture::Architecture,
    parts::{Conv1d, LayerNorm},
};

/// One layer: attention and a multi-layer perceptron, each reading the normed residual stream and adding to it.
pub(crate) struct Block {
    attention_norm: LayerNorm,
    attention: Attention,
    mlp_norm: LayerNorm,
    mlp: Mlp,
}

impl Block {
    pub(crate) fn new(path: &Path, architecture: &Architecture) -> Self {
        Self {
            attention_norm: LayerNorm::new(&(path / "ln_1"), architecture),
            attention: Attention::new(&(path / "attn"), architecture),
            mlp_norm: LayerNorm::new(&(path / "ln_2"), architecture),
            mlp: Mlp::new(&(path / "mlp"), architecture),
        }
    }

    /// `pattern`: takes the attention pattern `[batch, head, position, position attended to]`, where it is wanted.
    pub(crate) fn forward(&self, residual: &Tensor, pattern: Option<&mut Vec<Tensor>>) -> Tensor {
        let residual = residual + self.attended(residual, pattern);
        &residual + self.mlp.forward(&self.mlp_norm.forward(&residual))
    }

    /// What attention adds to the residual stream.
    pub(crate) fn attended(&self, residual: &Tensor, pattern: Option<&mut Vec<Tensor>>) -> Tensor {
        self.attention.forward(&self.attention_norm.forward(residual), pattern)
    }
}

struct Attention {
    heads: i64,
    query_key_value: Conv1d,
    output: Conv1d,
}

impl Attention {
    fn new(path: &Path, architecture: &Architecture) -> Self {
        let (width, initial) = (architecture.width, architecture.initial);
        let adding = (initial.adding)(width, architecture.layers);
        Self {
            heads: architecture.heads,
            query_key_value: Conv1d::new(&(path / "c_attn"), width, 3 * width, initial.reading),
            output: Conv1d::new(&(path / "c_proj"), width, width, adding),
        }
    }

    fn forward(&self, normed: &Tensor, pattern: Option<&mut Vec<Tensor>>) -> Tensor {
        let (batch, length, width) = normed.size3().expect("[batch, position, width]");
        let by_head = |joined: Tensor| {
            let split = joined.view([batch, length, self.heads, width / self.heads]);
            split.transpose(1, 2)
        };
        let mut parts = self.query_key_value.forward(normed).split(width, -1).into_iter();
        let mut next_part = || by_head(parts.next().expect("query, key and value"));
        let (query, key, value) = (next_part(), next_part(), next_part());

        if let Some(patterns) = pattern {
            patterns.push(attention_pattern(&query, &key));
        }
        let mixed = Tensor::scaled_dot_product_attention(&query, &key, &value, None::<Tensor>, 0.0, true, None, false);
        let joined = mixed.transpose(1, 2).reshape([batch, length, width]);
        self.output.forward(&joined)
    }
}

/// What the mixing of values weighs them with: `[batch, head, position, position attended to]`.
fn attention_pattern(query: &Tensor, key: &Tensor) -> Tensor {
    let (length, width) = (query.size()[2], query.size()[3]);
    let scores = query.matmul(&key.transpose(2, 3)) / f64::from(i32::try_from(width).expect("a head is narrow")).sqrt();
    let later = Tensor::ones([length, length], (Kind::Bool, query.device())).triu(1);
    scores.masked_fill(&later, f64::NEG_INFINITY).softmax(-1, Kind::Float)
}

struct Mlp {
    hidden: Conv1d,
    output: Conv1d,
}

impl Mlp {
    fn new(path: &Path, architecture: &Architecture) -> Self {
        let (width, initial) = (architecture.width, architecture.initial);
        let adding = (initial.adding)(4 * width, architecture.layers);
        Self {
            hidden: Conv1d::new(&(path / "c_fc"), width, 4 * width, initial.reading),
            output: Conv1d::new(&(path / "c_proj"), 4 * width, width, adding),
        }
    }

    fn forward(&self, normed: &Tensor) -> Tensor {
        self.output.forward(&self.hidden.forward(normed).gelu("tanh"))
    }
}
