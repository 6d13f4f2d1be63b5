//! Patches inside attention, which act through `z` alone.
//!
//! A patch of queries, keys, values or probabilities changes `z` at some positions, head by head. So it is computed for
//! all heads of a layer at once, and a cell takes the heads that it patches.

use patchsweep_core::grid::Component;
use tch::Tensor;

use crate::torch::patch::values::Patch;
use crate::torch::positions::{At, Positions};

/// A patch inside attention, but for its heads.
pub(crate) struct HeadPatch<'a> {
    pub(crate) component: Component,
    pub(crate) layer: u32,
    /// Positions that are patched.
    pub(crate) patched: &'a Positions,
    /// Positions attended to whose probability is patched; only for patterns.
    pub(crate) sources: &'a Positions,
    /// Positions where the change is wanted.
    pub(crate) rows: &'a Positions,
    /// Where queries, or keys, of all heads are normalised together: the heads that are patched, as they change the others.
    pub(crate) among: Option<&'a [u32]>,
}

impl Patch<'_> {
    /// By how much the patch changes `z` \[prompts, rows, head, `d_head`\].
    pub(crate) fn z_change(&self, patch: &HeadPatch<'_>) -> Tensor {
        let &HeadPatch { component, layer, patched, rows, .. } = patch;
        let z = || self.base_at(layer, Component::Z, rows);
        match component {
            Component::Z => self.value_at(layer, Component::Z, rows) - z(),
            Component::Q => {
                let queries = self.exec.finished_queries(layer, &self.value_among(patch, rows), At::Positions(rows));
                self.attention(layer, &queries, rows) - z()
            }
            Component::K => {
                let scores = self.base_scores(layer, rows);
                let keys = self.exec.finished_keys(layer, &self.value_among(patch, patched), At::Positions(patched));
                let queries = self.base_queries(layer, rows);
                patched.overwrite(&scores, 3, 0, &self.exec.attention_scores(layer, &queries, &keys));
                let values = self.base(layer, Component::V);
                self.exec.weighted_values(&self.exec.pattern(layer, &scores, rows), &values) - z()
            }
            Component::V => {
                let pattern = patched.of(&self.base_pattern(layer, rows), 3, 0);
                let values = self.value_at(layer, Component::V, patched) - self.base_at(layer, Component::V, patched);
                self.exec.weighted_values(&pattern, &values)
            }
            _ => {
                let change = self.pattern_at(layer, rows) - self.base_pattern(layer, rows);
                // Rows that no longer sum to 1 do not weigh the value bias, which is folded into the output bias.
                let values = self.base_at(layer, Component::V, patch.sources)
                    - &self.exec.model.blocks[layer as usize].folded_values;
                self.exec.weighted_values(&patch.sources.of(&change, 3, 0), &values)
            }
        }
    }

    /// `z` \[prompts, rows, head, `d_head`\] of some finished queries of the same shape over the unpatched keys and
    /// values.
    fn attention(&self, layer: u32, queries: &Tensor, rows: &Positions) -> Tensor {
        let scores = self.exec.attention_scores(layer, queries, &self.base_keys(layer));
        self.exec.weighted_values(&self.exec.pattern(layer, &scores, rows), &self.base(layer, Component::V))
    }

    /// What queries or keys become at some positions \[prompts, positions, head, `d_head`\]; of heads that are not among the
    /// patched ones, what they are.
    fn value_among(&self, patch: &HeadPatch<'_>, positions: &Positions) -> Tensor {
        let value = self.value_at(patch.layer, patch.component, positions);
        let Some(heads) = patch.among else { return value };
        let all = self.base_at(patch.layer, patch.component, positions).copy();
        for &head in heads {
            all.select(2, head.into()).copy_(&value.select(2, head.into()));
        }
        all
    }
}
