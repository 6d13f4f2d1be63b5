//! Multiply-adds of the second pass of paths: rows of the residual stream, with attention held.

use std::collections::BTreeSet;

use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::paths::Path;

use super::{CostModel, saturated};

impl CostModel<'_> {
    /// One prompt from a sender to the last of some layers that receive; `rows`: positions at which it sends.
    #[must_use]
    pub fn sent(&self, path: &Path<'_>, rows: usize, received: &BTreeSet<u32>) -> u64 {
        let heads = path.cell.indices(Axis::Head).len() as u128;
        let patched = if self.model.has_post_norms() { self.queries } else { heads * u128::from(self.model.d_head) };
        let entry = if path.cell.component() == Component::Z { patched * self.width } else { 0 };
        let mlps = u128::from(path.mlps_on_the_way(received, self.model)) * self.mlp;
        let projected = match path.to.component {
            Some(Component::Q) => self.queries,
            Some(Component::K | Component::V) => self.keys,
            _ => 0,
        };
        let each = entry + mlps + received.len() as u128 * projected * self.width;
        saturated(each.saturating_mul(rows as u128))
    }
}
