//! Named points of the forward pass where activations are read or replaced, as in `TransformerLens`.

use std::collections::BTreeMap;

use patchsweep_proto::grid::Component;
use tch::Tensor;

/// Called at each named point; what it returns goes on.
///
/// Activations are \[batch, pos, `d_model`\], and \[batch, pos, head, `d_head`\] for components with heads.
pub(super) trait Hook {
    fn at(&mut self, layer: u32, component: Component, activation: Tensor) -> Tensor;
}

/// Leaves everything as it is.
pub(super) struct NoHook;

impl Hook for NoHook {
    fn at(&mut self, _: u32, _: Component, activation: Tensor) -> Tensor {
        activation
    }
}

/// Keeps some activations.
pub(super) struct Recorder<'a> {
    pub(super) wanted: &'a dyn Fn(u32, Component) -> bool,
    pub(super) recorded: BTreeMap<(u32, Component), Tensor>,
}

impl Hook for Recorder<'_> {
    fn at(&mut self, layer: u32, component: Component, activation: Tensor) -> Tensor {
        if (self.wanted)(layer, component) {
            // Queries, keys and values are views of one tensor; keeping a view would keep the whole.
            self.recorded.insert((layer, component), activation.contiguous());
        }
        activation
    }
}

/// Replaces one component in the last rows of a batch, where a mask says so.
pub(super) struct Patch {
    pub(super) layer: u32,
    pub(super) component: Component,
    /// The first row that is patched; all rows behind it are.
    pub(super) first_row: i64,
    /// What is put in, in the activation's layout \[rows, ..\].
    pub(super) values: Tensor,
    /// Where, broadcast against `values`.
    pub(super) mask: Tensor,
}

impl Hook for Patch {
    fn at(&mut self, layer: u32, component: Component, activation: Tensor) -> Tensor {
        if (layer, component) != (self.layer, self.component) {
            return activation;
        }
        let rows = activation.size()[0] - self.first_row;
        let before = activation.narrow(0, 0, self.first_row);
        let patched = self.values.where_self(&self.mask, &activation.narrow(0, self.first_row, rows));
        Tensor::cat(&[before, patched], 0)
    }
}
