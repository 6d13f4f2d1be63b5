//! Patches inside attention, which act through `z` alone.
//!
//! A patch of queries, keys, values or probabilities changes `z` at some positions, head by head. So it is computed for
//! all heads of a layer at once, and a cell takes the heads that it patches.

use patchsweep_core::grid::Component;
use tch::Tensor;

use super::patch::Patch;
use super::positions::Positions;
use super::weights::Gpt2;

/// A patch inside attention, but for its heads.
pub(super) struct HeadPatch<'a> {
    pub(super) component: Component,
    pub(super) layer: u32,
    /// Positions that are patched.
    pub(super) patched: &'a Positions,
    /// Positions attended to whose probability is patched; only for patterns.
    pub(super) sources: &'a Positions,
    /// Positions where the change is wanted.
    pub(super) rows: &'a Positions,
}

impl Patch<'_> {
    /// By how much the patch changes `z` \[prompts, rows, head, `d_head`\].
    pub(super) fn z_change(&self, patch: &HeadPatch<'_>) -> Tensor {
        let &HeadPatch { component, layer, patched, rows, .. } = patch;
        let z = || self.base_at(layer, Component::Z, rows);
        match component {
            Component::Z => self.value_at(layer, Component::Z, rows) - z(),
            Component::Q => self.attention(layer, &self.value_at(layer, Component::Q, rows), rows) - z(),
            Component::K => {
                let scores = self.base_scores(layer, rows);
                let queries = self.base_at(layer, Component::Q, rows);
                let keys = self.value_at(layer, Component::K, patched);
                patched.overwrite(&scores, 3, 0, &self.model.attention_scores(layer, &queries, &keys));
                let values = self.base(layer, Component::V);
                self.model.weighted_values(&Gpt2::pattern(&scores, rows), &values) - z()
            }
            Component::V => {
                let pattern = patched.of(&self.base_pattern(layer, rows), 3, 0);
                let values = self.value_at(layer, Component::V, patched) - self.base_at(layer, Component::V, patched);
                self.model.weighted_values(&pattern, &values)
            }
            _ => {
                let change = self.pattern_at(layer, rows) - self.base_pattern(layer, rows);
                // Rows that no longer sum to 1 do not weigh the value bias, which is folded into the output bias.
                let values =
                    self.base_at(layer, Component::V, patch.sources) - &self.model.blocks[layer as usize].folded_values;
                self.model.weighted_values(&patch.sources.of(&change, 3, 0), &values)
            }
        }
    }

    /// `z` \[prompts, rows, head, `d_head`\] of some queries \[prompts, rows, head, `d_head`\] over the unpatched keys and
    /// values.
    fn attention(&self, layer: u32, queries: &Tensor, rows: &Positions) -> Tensor {
        let scores = self.model.attention_scores(layer, queries, &self.base(layer, Component::K));
        self.model.weighted_values(&Gpt2::pattern(&scores, rows), &self.base(layer, Component::V))
    }
}
