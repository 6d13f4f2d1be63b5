//! MLPs: what they read, their hidden layer, and what they add to the residual stream.

use patchsweep_core::architecture::{Activation, ParallelNorms, Wiring};
use patchsweep_core::grid::Component;
use tch::Tensor;

use crate::torch::model::exec::Exec;
use crate::torch::runs::recorder::Recorder;

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
        let most = if resid.device().is_cuda() { MLP_ROWS_ON_GPU } else { MLP_ROWS_ON_CPU };
        let mut reads = reads.map(|reads| reads.split(most, 0).into_iter());
        for mut rows in resid.split(most, 0) {
            let input = reads.as_mut().and_then(Iterator::next);
            let mlp_out = self.mlp_out(layer, &input.unwrap_or_else(|| self.mlp_normed(layer, &rows)), None);
            let _ = rows.g_add_(&mlp_out);
        }
    }

    /// What the MLP adds to the residual stream for what it reads \[rows, `d_model`\].
    pub(crate) fn mlp_out_of(&self, layer: u32, reads: &Tensor) -> Tensor {
        let most = if reads.device().is_cuda() { MLP_ROWS_ON_GPU } else { MLP_ROWS_ON_CPU };
        let parts = reads.split(most, 0).into_iter().map(|rows| self.mlp_out(layer, &rows, None));
        Tensor::cat(&parts.collect::<Vec<_>>(), 0)
    }

    /// What the MLP adds to the residual stream \[.., `d_model`\].
    pub(super) fn mlp_out(&self, layer: u32, normed: &Tensor, mut recorder: Option<&mut Recorder<'_>>) -> Tensor {
        let block = self.weights(layer);
        let first = self.linear(normed, block.mlp_gate.as_ref().unwrap_or(&block.mlp_in));
        if let Some(recorder) = &mut recorder {
            recorder.see_copy(layer, Component::MlpPre, &first);
        }
        let mut hidden = self.activation(first);
        if block.mlp_gate.is_some() {
            hidden *= self.linear(normed, &block.mlp_in);
        }
        let projected = self.linear(&hidden, &block.mlp_out);
        if let Some(recorder) = recorder {
            recorder.see(layer, Component::MlpPost, &hidden);
            recorder.see(layer, Component::MlpProjection, &projected);
        }
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
