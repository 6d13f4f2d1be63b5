//! Named points of the forward pass where activations are kept, as in `TransformerLens`.

use std::collections::BTreeMap;

use patchsweep_proto::grid::Component;
use tch::Tensor;

/// An activation's place in the forward pass.
pub(super) type Site = (u32, Component);

/// Keeps some activations of a run: \[batch, pos, `d_model`\], and \[batch, pos, head, `d_head`\] with heads.
pub(super) struct Recorder<'a> {
    pub(super) wanted: &'a dyn Fn(u32, Component) -> bool,
    pub(super) recorded: BTreeMap<Site, Tensor>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(wanted: &'a dyn Fn(u32, Component) -> bool) -> Self {
        Self { wanted, recorded: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, layer: u32, component: Component, activation: &Tensor) {
        if (self.wanted)(layer, component) {
            // Queries, keys and values are views of one tensor; keeping a view would keep the whole.
            self.recorded.insert((layer, component), activation.contiguous());
        }
    }
}
