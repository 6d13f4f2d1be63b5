//! Named points of the forward pass where activations are kept, as in `TransformerLens`.

use std::collections::BTreeMap;

use patchsweep_core::grid::Component;
use tch::Tensor;

/// An activation's place in the forward pass.
pub(crate) type Site = (u32, Component);

/// The residual stream before a block is the one behind the block before it: one name for both.
pub(crate) fn canonical((layer, component): Site) -> Site {
    match (layer.checked_sub(1), component) {
        (Some(before), Component::ResidPre) => (before, Component::ResidPost),
        _ => (layer, component),
    }
}

/// Keeps some activations of a run: \[batch, pos, `d_model`\], \[batch, pos, head, `d_head`\] with heads,
/// \[batch, pos, `d_mlp`\] with neurons, and the pattern \[batch, head, `dest_pos`, `src_pos`\].
pub(crate) struct Recorder<'a> {
    pub(crate) wanted: &'a dyn Fn(Site) -> bool,
    pub(crate) recorded: BTreeMap<Site, Tensor>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(wanted: &'a dyn Fn(Site) -> bool) -> Self {
        Self { wanted, recorded: BTreeMap::new() }
    }

    pub(crate) fn see(&mut self, layer: u32, component: Component, activation: &Tensor) {
        let site = canonical((layer, component));
        if (self.wanted)(site) && !self.recorded.contains_key(&site) {
            // Queries, keys and values are views of one tensor; keeping a view would keep the whole.
            self.recorded.insert(site, activation.contiguous());
        }
    }

    /// One that is overwritten next.
    pub(crate) fn see_copy(&mut self, layer: u32, component: Component, activation: &Tensor) {
        if (self.wanted)((layer, component)) {
            self.see(layer, component, &activation.copy());
        }
    }
}
