//! How cells join: the residual stream where their patch changes it first.

use std::collections::BTreeSet;
use std::ops::Range;

use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::sites::{Heads, changed_by_heads};
use tch::Tensor;

use super::cohort::Cohort;
use super::heads::{HeadPatch, Wanted};
use super::values::Patch;
use crate::torch::numbers::length;
use crate::torch::positions::Positions;

impl Patch<'_> {
    /// The patched residual stream at the stage of the patch \[cells, prompts, rows, `d_model`\].
    pub(crate) fn changed(&self, layer: u32, component: Component, cohort: &Cohort<'_>, rows: &Positions) -> Tensor {
        let architecture = &self.exec.model.architecture;
        let facts = component.facts(architecture);
        if let Some(features) = &self.features {
            return self.changed_by_features(layer, component, features, cohort, rows);
        }
        if component.has_neurons() {
            return self.changed_by_neurons(layer, component, cohort, rows);
        }
        if facts.heads != Heads::None && architecture.has_post_norms() {
            return self.changed_as_whole(layer, component, cohort, rows);
        }
        if facts.heads != Heads::None {
            return self.changed_by_heads(layer, component, cohort, rows);
        }
        let value = self.value_at(layer, component, rows);
        let stream = facts.stage.stream();
        if stream == component {
            return for_each_cell(cohort, &value);
        }
        let base = |component| self.base_at(layer, component, rows);
        for_each_cell(cohort, &(base(stream) + (value - base(component))))
    }

    /// Where nothing is between attention's output projection and the residual stream, a change of a head adds to it.
    fn changed_by_heads(&self, layer: u32, component: Component, cohort: &Cohort<'_>, rows: &Positions) -> Tensor {
        let stream = self.base_at(layer, changed_by_heads(&self.exec.model.architecture), rows);
        let resid = for_each_cell(cohort, &stream).copy();
        for (place, changes) in (0..).zip(self.z_changes(layer, component, cohort, rows)) {
            let mut cell = resid.select(0, place).flatten(0, 1);
            for (heads, change) in changes {
                self.exec.add_attn_out_of_heads(layer, heads.start, &change.flatten(0, 1).flatten(1, 2), &mut cell);
            }
        }
        resid
    }

    /// Where a norm follows on the output projection, all heads go through both.
    fn changed_as_whole(&self, layer: u32, component: Component, cohort: &Cohort<'_>, rows: &Positions) -> Tensor {
        let exec = self.exec;
        let z = for_each_cell(cohort, &self.base_at(layer, Component::Z, rows)).copy();
        for (place, changes) in (0..).zip(self.z_changes(layer, component, cohort, rows)) {
            for (Range { start, end }, change) in changes {
                let _ = z.select(0, place).narrow(2, start.into(), (end - start).into()).g_add_(&change);
            }
        }
        let stream = self.base_at(layer, changed_by_heads(&exec.model.architecture), rows);
        stream.unsqueeze(0)
            + exec.attn_out(layer, &z.flatten(0, 2)).view([-1, self.prompts(), rows.len(), stream.size()[2]])
    }

    /// For each cell by how much `z` changes \[prompts, rows, head, `d_head`\], and which query heads those are.
    fn z_changes(
        &self,
        layer: u32,
        component: Component,
        cohort: &Cohort<'_>,
        rows: &Positions,
    ) -> Vec<Vec<(Range<u32>, Tensor)>> {
        let model = &self.exec.model.architecture;
        let change = |heads: &Wanted, among| {
            let (patched, sources) = (&cohort.patched, &cohort.sources);
            self.z_change(&HeadPatch { component, layer, patched, sources, rows, heads, among })
        };
        let cells = || cohort.starts.iter().map(|start| start.cell.indices(Axis::Head));
        if component.mixes_heads(model) {
            let of_cell = |heads| vec![(0..model.heads, change(&Wanted::all(), Some(heads)))];
            return cells().map(of_cell).collect();
        }
        let patched: BTreeSet<u32> = cells().flatten().copied().collect();
        let wanted = Wanted::of(component, &patched.into_iter().collect::<Vec<_>>(), model);
        let change = change(&wanted, None);
        let served = component.heads().group(model);
        let of_head = |&head: &u32| {
            let queries = head * served..(head + 1) * served;
            let change = change.narrow(2, wanted.index_of(queries.start), served.into());
            (queries, change)
        };
        cells().map(|heads| heads.iter().map(of_head).collect()).collect()
    }
}

/// \[prompts, positions, ..\] to \[cells, prompts, positions, ..\]: a view, the same for each cell.
pub(super) fn for_each_cell(cohort: &Cohort<'_>, x: &Tensor) -> Tensor {
    let mut sizes = x.size();
    sizes.insert(0, length(cohort.starts.len()));
    x.unsqueeze(0).expand(sizes, false)
}
