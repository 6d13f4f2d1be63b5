//! How cells join: the residual stream where their patch changes it first.

use std::ops::Range;

use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::sites::{Heads, changed_by_heads};
use tch::Tensor;

use super::entry::Entry;
use super::heads::HeadPatch;
use super::values::Patch;
use crate::torch::numbers::length;
use crate::torch::positions::Positions;

impl Patch<'_> {
    /// The patched residual stream at the stage of the patch \[cells, prompts, rows, `d_model`\].
    pub(crate) fn changed(&self, layer: u32, component: Component, entry: &Entry<'_>, rows: &Positions) -> Tensor {
        let architecture = &self.exec.model.architecture;
        let facts = component.facts(architecture);
        if facts.heads != Heads::None && architecture.has_post_norms() {
            return self.changed_as_whole(layer, component, entry, rows);
        }
        if facts.heads != Heads::None {
            return self.changed_by_heads(layer, component, entry, rows);
        }
        let value = self.value_at(layer, component, rows);
        let stream = facts.stage.stream();
        if stream == component {
            return for_each_cell(entry, &value);
        }
        let base = |component| self.base_at(layer, component, rows);
        for_each_cell(entry, &(base(stream) + (value - base(component))))
    }

    /// Where nothing is between attention's output projection and the residual stream, a change of a head adds to it.
    fn changed_by_heads(&self, layer: u32, component: Component, entry: &Entry<'_>, rows: &Positions) -> Tensor {
        let stream = self.base_at(layer, changed_by_heads(&self.exec.model.architecture), rows);
        let resid = for_each_cell(entry, &stream).copy();
        for (place, change, heads) in self.z_changes(layer, component, entry, rows) {
            let mut cell = resid.select(0, place).flatten(0, 1);
            for Range { start, end } in heads {
                let change = change.narrow(2, start.into(), (end - start).into()).flatten(0, 1).flatten(1, 2);
                self.exec.add_attn_out_of_heads(layer, start, &change, &mut cell);
            }
        }
        resid
    }

    /// Where a norm follows on the output projection, all heads go through both.
    fn changed_as_whole(&self, layer: u32, component: Component, entry: &Entry<'_>, rows: &Positions) -> Tensor {
        let exec = self.exec;
        let z = for_each_cell(entry, &self.base_at(layer, Component::Z, rows)).copy();
        for (place, change, heads) in self.z_changes(layer, component, entry, rows) {
            for Range { start, end } in heads {
                let part = |x: &Tensor| x.narrow(2, start.into(), (end - start).into());
                let _ = part(&z.select(0, place)).g_add_(&part(&change));
            }
        }
        let stream = self.base_at(layer, changed_by_heads(&exec.model.architecture), rows);
        stream.unsqueeze(0)
            + exec.attn_out(layer, &z.flatten(0, 2)).view([-1, self.prompts(), rows.len(), stream.size()[2]])
    }

    /// For each cell by how much `z` changes \[prompts, rows, head, `d_head`\], and in which query heads that counts.
    fn z_changes(
        &self,
        layer: u32,
        component: Component,
        entry: &Entry<'_>,
        rows: &Positions,
    ) -> Vec<(i64, Tensor, Vec<Range<u32>>)> {
        let model = &self.exec.model.architecture;
        let change = |among| {
            let (patched, sources) = (&entry.patched, &entry.sources);
            self.z_change(&HeadPatch { component, layer, patched, sources, rows, among })
        };
        let cells = (0..).zip(&entry.starts).map(|(place, start)| (place, start.cell.indices(Axis::Head)));
        if component.mixes_heads(model) {
            let all = 0..model.heads;
            return cells.map(|(place, heads)| (place, change(Some(heads)), vec![all.clone()])).collect();
        }
        let served = component.heads().group(model);
        let of_cell = |heads: &[u32]| heads.iter().map(|&head| head * served..(head + 1) * served).collect();
        let change = change(None);
        cells.map(|(place, heads)| (place, change.shallow_clone(), of_cell(heads))).collect()
    }
}

/// \[prompts, positions, ..\] to \[cells, prompts, positions, ..\]: a view, the same for each cell.
fn for_each_cell(entry: &Entry<'_>, x: &Tensor) -> Tensor {
    let mut sizes = x.size();
    sizes.insert(0, length(entry.starts.len()));
    x.unsqueeze(0).expand(sizes, false)
}
