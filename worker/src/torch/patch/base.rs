//! What patched runs read of the unpatched ones in a block's attention.

use std::cell::OnceCell;

use patchsweep_core::causality::Suffix;
use patchsweep_core::grid::Component;
use tch::Tensor;

use super::values::Patch;
use crate::torch::positions::{At, Positions};

/// Of the run that is patched, up to the last position that is read; made once for all runs of a batch.
pub(crate) struct LayerBase<'a> {
    patch: &'a Patch<'a>,
    layer: u32,
    /// \[prompts, pos, key-value head, `d_head`\], finished.
    pub(crate) keys: Tensor,
    /// \[prompts, pos, key-value head, `d_head`\]
    pub(crate) values: Tensor,
    keys_values: [Tensor; 2],
    queries: OnceCell<Tensor>,
    others: OnceCell<[Tensor; 2]>,
}

impl<'a> LayerBase<'a> {
    pub(crate) fn new(patch: &'a Patch<'a>, layer: u32) -> Self {
        let (keys, values) = (patch.base_keys(layer), patch.base(layer, Component::V));
        let keys_values = [&keys, &values].map(head_by_head);
        Self { patch, layer, keys, values, keys_values, queries: OnceCell::new(), others: OnceCell::new() }
    }

    /// Finished and scaled queries \[prompts, pos, head, `d_head`\].
    pub(crate) fn queries(&self) -> &Tensor {
        self.queries.get_or_init(|| {
            let all = Positions::between(0, self.patch.last);
            self.patch.base_queries(self.layer, &all) * self.patch.exec.attention_scale(self.layer)
        })
    }

    /// Finished keys, and values, of all positions before a suffix, each \[prompts * key-value heads, pos, `d_head`\].
    pub(crate) fn prefix(&self, suffix: Suffix) -> [Tensor; 2] {
        let first = i64::from(suffix.first);
        if !suffix.follows_other {
            return self.keys_values.each_ref().map(|x| x.narrow(1, 0, first));
        }
        let [keys, values] = self.keys_values.each_ref().map(|x| x.narrow(1, 0, first - 1));
        let [other_keys, other_values] = self.others().each_ref().map(|x| x.narrow(1, first - 1, 1));
        [Tensor::cat(&[keys, other_keys], 1), Tensor::cat(&[values, other_values], 1)]
    }

    /// Keys and values of the other run.
    fn others(&self) -> &[Tensor; 2] {
        self.others.get_or_init(|| {
            let all = Positions::between(0, self.patch.last);
            let other = |component| all.of(&self.patch.other.get(self.layer, component), 1, 0);
            let keys = self.patch.exec.finished_keys(self.layer, &other(Component::K), At::Positions(&all));
            [keys, other(Component::V)].each_ref().map(head_by_head)
        })
    }
}

/// \[prompts, pos, head, `d_head`\] to \[prompts * heads, pos, `d_head`\].
fn head_by_head(x: &Tensor) -> Tensor {
    x.transpose(1, 2).contiguous().flatten(0, 1)
}
