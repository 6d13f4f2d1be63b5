//! How cells with several writes, and paths, join: rows of the run that is patched, with what is written where they begin.

use std::collections::BTreeMap;

use patchsweep_core::causality::Suffix;
use patchsweep_core::grid::Component;
use patchsweep_core::sites::{Heads, Stage};
use tch::Tensor;

use super::batch::{Batch, Segment};
use super::changes::Changes;
use super::cohort::Start;
use super::stepper::Stepper;
use crate::torch::numbers::length;
use crate::torch::positions::Positions;

impl Stepper<'_> {
    /// Those that join in a block, by the stage at which they do. What is written at a block's input is put there with that of
    /// the runs that are under way.
    pub(crate) fn several_joining(
        &self,
        layer: u32,
        starts: &[&Start<'_>],
        changes: &Changes<'_>,
    ) -> BTreeMap<Stage, Batch> {
        let mut alike: BTreeMap<(Stage, usize, Suffix, Positions), Vec<usize>> = BTreeMap::new();
        for start in starts.iter().filter(|start| start.cell.is_changed_on_its_way()) {
            let stage = start.beginning.stage;
            alike.entry((stage, start.part, start.suffix, self.rows(start))).or_default().push(start.index);
        }
        let mut by_stage: BTreeMap<Stage, (Vec<Segment>, Vec<Tensor>)> = BTreeMap::new();
        for ((stage, part, suffix, positions), cells) in alike {
            let patch = self.patches.of(part);
            let base = patch.base_at(layer, stage.stream(), &positions);
            let (segments, tensors) = by_stage.entry(stage).or_default();
            let mut sizes = base.size();
            sizes.insert(0, length(cells.len()));
            tensors.push(base.unsqueeze(0).expand(&sizes, false));
            segments.push(Segment { part, prompts: patch.prompts(), cells, suffix, positions });
        }
        let joined = |(stage, (segments, tensors)): (Stage, (Vec<Segment>, Vec<Tensor>))| {
            let mut batch = Batch::packed(segments, &tensors);
            if stage != Stage::Input {
                self.write_at(layer, stage, changes, &mut batch);
                if let Some(received) = changes.of_paths() {
                    received.join_behind_mlp(self.patches.alone(), layer, &mut batch);
                }
            }
            (stage, batch)
        };
        by_stage.into_iter().map(joined).collect()
    }

    /// Puts what is written at a stage behind attention into rows that are those of the run that is patched.
    fn write_at(&self, layer: u32, stage: Stage, changes: &Changes<'_>, batch: &mut Batch) {
        let model = &self.patches.exec().model.architecture;
        let mut components = Component::ALL.to_vec();
        components.sort_by_key(|component| component.order());
        for component in components.into_iter().filter(|component| component.is_in(model)) {
            let facts = component.facts(model);
            if facts.stage != stage || facts.heads != Heads::None || component.has_neurons() {
                continue;
            }
            let changes = changes.at(layer, component, &batch.layout, &self.patches.rows);
            if facts.is_whole_stream {
                self.patches.overwrite(layer, component, &changes, &mut batch.resid);
            } else {
                self.patches.add_difference(layer, component, &changes, &mut batch.resid);
            }
        }
    }

    /// The positions of which a cell has rows when it joins.
    fn rows(&self, start: &Start<'_>) -> Positions {
        let patch = self.patches.of(start.part);
        let model = &patch.exec.model.architecture;
        let last = u32::try_from(patch.last).expect("a position");
        let rows = start.beginning.rows(&start.cell, start.suffix.first..last + 1, model);
        let rows = Positions::new(rows.into_iter().map(i64::from));
        if start.beginning.stage == Stage::Input {
            return rows;
        }
        rows.intersection(&self.outputs(start.part, start.beginning.layer, start.suffix.first.into()))
    }
}
