//! One layer of the transformer.

use tch::{Tensor, nn::Path};

use crate::{
    architecture::Architecture,
    parts::{Conv1d, INITIAL_DEVIATION, LayerNorm},
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

    pub(crate) fn forward(&self, residual: &Tensor) -> Tensor {
        let residual = residual + self.attention.forward(&self.attention_norm.forward(residual));
        &residual + self.mlp.forward(&self.mlp_norm.forward(&residual))
    }
}

struct Attention {
    heads: i64,
    query_key_value: Conv1d,
    output: Conv1d,
}

impl Attention {
    fn new(path: &Path, architecture: &Architecture) -> Self {
        let width = architecture.width;
        Self {
            heads: architecture.heads,
            query_key_value: Conv1d::new(&(path / "c_attn"), width, 3 * width, INITIAL_DEVIATION),
            output: Conv1d::new(&(path / "c_proj"), width, width, into_residual(architecture)),
        }
    }

    fn forward(&self, normed: &Tensor) -> Tensor {
        let (batch, length, width) = normed.size3().expect("[batch, position, width]");
        let by_head = |joined: Tensor| {
            let split = joined.view([batch, length, self.heads, width / self.heads]);
            split.transpose(1, 2)
        };
        let mut parts = self.query_key_value.forward(normed).split(width, -1).into_iter();
        let mut next_part = || by_head(parts.next().expect("query, key and value"));
        let (query, key, value) = (next_part(), next_part(), next_part());

        let mixed = Tensor::scaled_dot_product_attention(&query, &key, &value, None::<Tensor>, 0.0, true, None, false);
        let joined = mixed.transpose(1, 2).reshape([batch, length, width]);
        self.output.forward(&joined)
    }
}

struct Mlp {
    hidden: Conv1d,
    output: Conv1d,
}

impl Mlp {
    fn new(path: &Path, architecture: &Architecture) -> Self {
        let width = architecture.width;
        Self {
            hidden: Conv1d::new(&(path / "c_fc"), width, 4 * width, INITIAL_DEVIATION),
            output: Conv1d::new(&(path / "c_proj"), 4 * width, width, into_residual(architecture)),
        }
    }

    fn forward(&self, normed: &Tensor) -> Tensor {
        self.output.forward(&self.hidden.forward(normed).gelu("tanh"))
    }
}

/// The deviation of what is added to the residual stream, lower the more there is of it, as in GPT-2.
fn into_residual(architecture: &Architecture) -> f64 {
    let additions = i32::try_from(2 * architecture.layers).expect("a few layers");
    INITIAL_DEVIATION / f64::from(additions).sqrt()
}
