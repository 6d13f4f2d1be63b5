//! Patched runs: from the patched layer on, and from the patched position to the last read position.
//!
//! Attention is causal, so a patch changes nothing before its position: there keys and values are those of the run that
//! is patched. Up to the next attention it changes nothing but its own positions either: a batch has rows of those alone.
//! In the last block only the read positions matter. All cells of a batch go through a block together, stage by stage, and
//! cells join at the stage of their first write. What else they write is put into their rows when the batch gets there.

use std::collections::BTreeMap;

use patchsweep_core::grid::Component;
use patchsweep_core::sites::{Reach, Stage};
use tch::Tensor;

use super::attention_rows::LastRows;
use super::batch::{Batch, Segment};
use super::changes::Changes;
use super::cohort::{Cohort, Start};
use super::hidden_changes::HiddenChanges;
use super::patches::Patches;
use crate::torch::devices::on;
use crate::torch::positions::Positions;

/// Patched runs over some prompts of one or several parts.
pub(crate) struct Stepper<'a> {
    pub(crate) patches: Patches<'a>,
    pub(super) rows: LastRows,
}

impl<'a> Stepper<'a> {
    pub(crate) fn new(patches: Patches<'a>) -> Self {
        Self { patches, rows: LastRows::default() }
    }
}

impl Stepper<'_> {
    /// The last residual stream of some cells, at least one, at read positions that they can change.
    pub(crate) fn run(&self, starts: &[Start<'_>]) -> Batch {
        self.walk(starts, &Changes::of(starts))
    }

    /// The same with what is changed on the way.
    pub(super) fn walk(&self, starts: &[Start<'_>], changes: &Changes<'_>) -> Batch {
        let mut waiting: BTreeMap<u32, Vec<&Start<'_>>> = BTreeMap::new();
        for start in starts {
            waiting.entry(start.beginning.layer).or_default().push(start);
        }
        let (&first, _) = waiting.first_key_value().expect("a cell");
        let mut batch = None;
        for layer in first..self.patches.exec().model.architecture.layers {
            batch = self.block(layer, batch, &waiting.remove(&layer).unwrap_or_default(), changes);
        }
        batch.expect("cells have joined")
    }

    /// One block, for runs that are under way and for cells that join in it.
    fn block(
        &self,
        layer: u32,
        running: Option<Batch>,
        joining: &[&Start<'_>],
        changes: &Changes<'_>,
    ) -> Option<Batch> {
        let device = self.patches.exec().device(layer);
        let running = running.map(|batch| Batch { resid: on(device, batch.resid), ..batch });
        let mut several = self.several_joining(layer, joining, changes);
        let mut joining = self.joining(layer, joining);
        let mut with_those_of = |stage: Stage, running: Option<Batch>| {
            let joining = [joining.remove(&stage), several.remove(&stage)];
            [running].into_iter().chain(joining).flatten().reduce(Batch::join)
        };
        let running = with_those_of(Stage::Input, running);
        let running = self.written(layer, Component::ResidPre, running, changes);
        let (running, mlp_reads) = running.map(|batch| self.attention(layer, &batch, changes)).unzip();
        let running = self.written(layer, Component::ResidMid, running, changes);
        let mut running = with_those_of(Stage::BeforeMlp, running);
        if let Some(batch) = &mut running {
            self.mlp(layer, batch, mlp_reads.flatten().as_ref(), changes);
        }
        let running = self.written(layer, Component::ResidPost, running, changes);
        with_those_of(Stage::Output, running)
    }

    /// Runs whose residual stream is written at one of its sites.
    fn written(
        &self,
        layer: u32,
        component: Component,
        running: Option<Batch>,
        changes: &Changes<'_>,
    ) -> Option<Batch> {
        running.map(|mut batch| {
            let changes = changes.at(layer, component, &batch.layout, &self.patches.rows);
            self.patches.overwrite(layer, component, &changes, &mut batch.resid);
            batch
        })
    }

    /// Adds what the MLP adds, or what is written in its place. `reads`: what the MLP of a parallel block reads.
    fn mlp(&self, layer: u32, batch: &mut Batch, reads: Option<&Tensor>, changes: &Changes<'_>) {
        let received = changes.of_paths().map(|received| received.mlp_reads(self.patches.alone(), layer, batch, reads));
        let reads = received.as_ref().map_or(reads, Option::as_ref);
        let hidden = HiddenChanges::of(&self.patches, layer, changes, &batch.layout);
        let changes = changes.at(layer, Component::MlpOut, &batch.layout, &self.patches.rows);
        let before: Vec<Tensor> = changes.iter().map(|change| change.rows_of(&batch.resid)).collect();
        self.patches.exec().add_mlp_out_with(layer, &batch.resid, reads, &mut |component, first, x| {
            hidden.put(component, first, x);
        });
        self.patches.add_anew(layer, Component::MlpOut, &changes, &before, &mut batch.resid);
    }

    /// Cells with one write that join in a block, by the stage at which they do.
    fn joining(&self, layer: u32, starts: &[&Start<'_>]) -> BTreeMap<Stage, Batch> {
        let mut by_stage: BTreeMap<Stage, (Vec<Segment>, Vec<Tensor>)> = BTreeMap::new();
        let single: Vec<&Start<'_>> =
            starts.iter().filter(|start| !start.cell.is_changed_on_its_way()).copied().collect();
        for cohort in Cohort::all(&single, |part| self.patches.rows.last(part)) {
            let (component, patch) = (cohort.component(), self.patches.of(cohort.part()));
            let facts = component.facts(&patch.exec.model.architecture);
            let outputs = || self.outputs(cohort.part(), layer, cohort.suffix.first.into());
            let positions = match (facts.stage, facts.reach) {
                // Attention follows, which reads them whether they are read behind it or not.
                (Stage::Input, _) => cohort.patched.clone(),
                (_, Reach::LaterPositions) => outputs(),
                (_, Reach::OwnPosition) => cohort.patched.intersection(&outputs()),
            };
            let (segments, tensors) = by_stage.entry(facts.stage).or_default();
            tensors.push(patch.changed(layer, component, &cohort, &positions));
            segments.push(cohort.segment(patch.prompts(), positions));
        }
        let packed = |(segments, tensors): (_, Vec<Tensor>)| Batch::packed(segments, &tensors);
        by_stage.into_iter().map(|(stage, parts)| (stage, packed(parts))).collect()
    }

    pub(super) fn is_last(&self, layer: u32) -> bool {
        layer + 1 == self.patches.exec().model.architecture.layers
    }

    /// The positions of a part that matter behind a block for runs that differ from a position on.
    pub(crate) fn outputs(&self, part: usize, layer: u32, first: i64) -> Positions {
        let patch = self.patches.of(part);
        if self.is_last(layer) {
            Positions::new(patch.reads.iter().filter(|&read| read >= first))
        } else {
            Positions::between(first, patch.last)
        }
    }
}
