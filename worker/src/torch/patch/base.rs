//! What patched runs of a part read of the unpatched ones in a block's attention.

use patchsweep_core::grid::Component;
use tch::Tensor;

use super::values::Patch;
use crate::torch::positions::{At, Positions};

/// Of the run that is patched, up to the last position that is read; made once for all runs of a batch.
pub(crate) struct LayerBase<'a> {
    patch: &'a Patch<'a>,
    layer: u32,
    /// Finished, \[prompts, pos, key-value head, `d_head`\].
    keys: Tensor,
    /// Keys and values, each \[prompts * key-value heads, pos, `d_head`\].
    by_head: [Tensor; 2],
}

impl<'a> LayerBase<'a> {
    pub(crate) fn new(patch: &'a Patch<'a>, layer: u32) -> Self {
        let keys = patch.base_keys(layer);
        let by_head = [&keys, &patch.base(layer, Component::V)].map(|x| x.transpose(1, 2).contiguous().flatten(0, 1));
        Self { patch, layer, keys, by_head }
    }

    /// Finished keys, and values, of all positions before one, each \[prompts * key-value heads, pos, `d_head`\].
    pub(crate) fn prefix(&self, first: i64) -> [Tensor; 2] {
        self.by_head.each_ref().map(|x| x.narrow(1, 0, first))
    }

    /// Finished keys \[prompts * pos, key-value head, `d_head`\].
    pub(crate) fn keys(&self) -> Tensor {
        self.keys.flatten(0, 1)
    }

    /// Finished and scaled queries \[prompts * pos, head, `d_head`\].
    pub(crate) fn queries(&self) -> Tensor {
        let all = Positions::between(0, self.patch.last);
        let queries = self.patch.base_queries(self.layer, &all) * self.patch.exec.attention_scale(self.layer);
        queries.flatten(0, 1)
    }

    /// The other run's finished keys, as [`Self::keys`].
    pub(crate) fn other_keys(&self) -> Tensor {
        let all = Positions::between(0, self.patch.last);
        let keys = all.of(&self.patch.other.get(self.layer, Component::K), 1, 0);
        self.patch.exec.finished_keys(self.layer, &keys, At::Positions(&all)).flatten(0, 1)
    }

    /// The other run's values, in the same rows.
    pub(crate) fn other_values(&self) -> Tensor {
        let values = self.patch.other.get(self.layer, Component::V);
        values.narrow(1, 0, self.patch.last + 1).flatten(0, 1)
    }
}
