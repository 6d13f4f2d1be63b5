//! MLPs: what they read, their hidden layer, and what they add to the residual stream.

use patchsweep_core::architecture::{Activation, ParallelNorms, Wiring};
use patchsweep_core::grid::Component;
use tch::Tensor;

use crate::torch::model::exec::Exec;

/// Most rows that go through an MLP at once: its hidden layer is the largest activation.
const MLP_ROWS_ON_CPU: i64 = 1 << 12;
const MLP_ROWS_ON_GPU: i64 = 1 << 16;

impl Exec<'_> {
    /// What the MLP of a sequential block reads \[.., `d_model`\].
    pub(super) fn mlp_normed(&self, layer: u32, resid_mid: &Tensor) -> Tensor {
        self.norm(resid_mid, self.weights(layer).ln2.as_ref())
    }

    /// What the MLP of a parallel block reads: the block's input, normalised. `normed`: as attention reads it.
    pub(crate) fn mlp_reads_input(
        &self,
        layer: u32,
        resid_pre: &Tensor,
        normed: impl FnOnce() -> Tensor,
    ) -> Option<Tensor> {
        match self.model.architecture.wiring {
            Wiring::Sequential => None,
            Wiring::Parallel { norms: ParallelNorms::One } => Some(normed()),
            Wiring::Parallel { norms: ParallelNorms::Two } => Some(self.mlp_normed(layer, resid_pre)),
        }
    }

    /// What the MLP reads of the residual stream that it reads, at any positions \[.., `d_model`\].
    pub(crate) fn mlp_reads(&self, layer: u32, stream: &Tensor) -> Tensor {
        self.mlp_reads_like(layer, stream, None)
    }

    /// The same, divided as in [`Self::norm_like`].
    pub(crate) fn mlp_reads_like(&self, layer: u32, stream: &Tensor, like: Option<&Tensor>) -> Tensor {
        let block = self.weights(layer);
        let weights = match self.model.architecture.wiring {
            Wiring::Parallel { norms: ParallelNorms::One } => &block.ln1,
            Wiring::Sequential | Wiring::Parallel { norms: ParallelNorms::Two } => &block.ln2,
        };
        self.norm_like(stream, like, weights.as_ref())
    }

    /// Adds to the residual stream \[rows, `d_model`\] what the MLP adds; `reads`: what it reads, where
    /// that is not this stream's norm.
    pub(crate) fn add_mlp_out(&self, layer: u32, resid: &Tensor, reads: Option<&Tensor>) {
        self.add_mlp_out_with(layer, resid, reads, &mut |_, _, _| {});
    }

    /// The same with a hidden layer that is changed on its way: `change` gets a site, `mlp_pre` or `mlp_post`, the first of some
    /// rows, and what these have there \[some rows, `d_mlp`\].
    pub(crate) fn add_mlp_out_with(
        &self,
        layer: u32,
        resid: &Tensor,
        reads: Option<&Tensor>,
        change: &mut dyn FnMut(Component, i64, &mut Tensor),
    ) {
        let mut first = 0;
        let most = if resid.device().is_cuda() { MLP_ROWS_ON_GPU } else { MLP_ROWS_ON_CPU };
        let mut reads = reads.map(|reads| reads.split(most, 0).into_iter());
        for mut rows in resid.split(most, 0) {
            let input = reads.as_mut().and_then(Iterator::next);
            let input = input.unwrap_or_else(|| self.mlp_normed(layer, &rows));
            let mlp_out = self.mlp_out(layer, &input, &mut |component, x| {
                if component.has_neurons() {
                    change(component, first, x);
                }
            });
            first += rows.size()[0];
            let _ = rows.g_add_(&mlp_out);
        }
    }

    /// What the MLP adds to the residual stream for what it reads \[rows, `d_model`\].
    pub(crate) fn mlp_out_of(&self, layer: u32, reads: &Tensor) -> Tensor {
        let most = if reads.device().is_cuda() { MLP_ROWS_ON_GPU } else { MLP_ROWS_ON_CPU };
        let parts = reads.split(most, 0).into_iter().map(|rows| self.mlp_out(layer, &rows, &mut |_, _| {}));
        Tensor::cat(&parts.collect::<Vec<_>>(), 0)
    }

    /// What the MLP adds to the residual stream \[.., `d_model`\]. `at` sees its sites on the way, and may change its neurons; what it
    /// sees of `mlp_pre` is overwritten next.
    pub(super) fn mlp_out(&self, layer: u32, normed: &Tensor, at: &mut dyn FnMut(Component, &mut Tensor)) -> Tensor {
        let block = self.weights(layer);
        let mut first = self.linear(normed, block.mlp_gate.as_ref().unwrap_or(&block.mlp_in));
        at(Component::MlpPre, &mut first);
        let mut hidden = self.activation(first);
        if block.mlp_gate.is_some() {
            hidden *= self.linear(normed, &block.mlp_in);
        }
        at(Component::MlpPost, &mut hidden);
        let mut projected = self.linear(&hidden, &block.mlp_out);
        at(Component::MlpProjection, &mut projected);
        self.after_mlp(layer, &projected)
    }

    /// The MLP's output projection behind the norm that follows on it, if there is one \[.., `d_model`\].
    pub(crate) fn after_mlp(&self, layer: u32, projected: &Tensor) -> Tensor {
        self.norm(projected, self.weights(layer).ln2_post.as_ref())
    }

    /// The activation function, in place.
    pub(crate) fn activation(&self, mut x: Tensor) -> Tensor {
        match self.model.architecture.mlp.activation {
            Activation::GeluTanh => x.gelu_("tanh"),
            Activation::Gelu => x.gelu_("none"),
            Activation::Relu => x.relu_(),
            Activation::Silu => x.silu_(),
        }
    }
}
