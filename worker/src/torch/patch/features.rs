//! Patches of a dictionary's features: what stands at the site moves along their rows of the decoder, by as much as they change.
//! What the dictionary does not explain stays.

use patchsweep_core::features::Encoded;
use patchsweep_core::grid::{Axis, Cell, Component, Grid, PatchValue};
use patchsweep_core::sites::changed_by_heads;
use tch::{Device, Tensor};

use super::cohort::Cohort;
use super::join::for_each_cell;
use super::values::Patch;
use crate::torch::dictionary::{DictionaryTensors, Selected};
use crate::torch::gpu::upload;
use crate::torch::model::exec::Exec;
use crate::torch::numbers::{count, length};
use crate::torch::positions::Positions;
use crate::torch::runs::activations::Activations;

/// The features that some cells of a grid write.
pub(crate) struct FeatureChange<'a> {
    dictionary: &'a DictionaryTensors,
    /// Of these cells.
    features: Vec<u32>,
    /// Of these cells as well, up to the last one that is read.
    positions: Positions,
    /// By how much each changes \[prompts, positions, features\], float32.
    change: Tensor,
    /// Whether it does at all, in the same order.
    moves: Vec<bool>,
}

/// What the features become and what they are made of.
pub(crate) struct FeatureRuns<'a> {
    /// The run that is patched.
    pub(crate) base: &'a Activations,
    /// The other one.
    pub(crate) other: &'a Activations,
    /// Means of the grid's features \[1, pos, features\], where these are put.
    pub(crate) means: Option<Tensor>,
    /// The last position that is read.
    pub(crate) last: i64,
}

impl<'a> FeatureChange<'a> {
    /// Of a grid over a dictionary what some cells write.
    pub(crate) fn of<'c>(
        exec: &Exec<'_>,
        dictionary: &'a DictionaryTensors,
        grid: &Grid,
        cells: &(impl Iterator<Item = Cell<'c>> + Clone),
        runs: &FeatureRuns<'_>,
    ) -> Self {
        let (layer, component) = (grid.cell(0).layer(), grid.component);
        let last = u32::try_from(runs.last).expect("a position");
        let Encoded { positions, features } = grid.encoded(cells, last);
        let positions = Positions::new(positions.into_iter().map(i64::from));
        let of_run = |run: &Activations| {
            let x = positions.of(&run.get(layer, component), 1, 0);
            encoded(exec, dictionary, layer, &x, &features)
        };
        let old = of_run(runs.base);
        let change = match (grid.value, &runs.means) {
            (PatchValue::Mean, Some(means)) => {
                let all = grid.indices(Axis::Feature);
                let own: Vec<i64> = features.iter().map(|feature| length(place_of(all, *feature))).collect();
                let own = upload(&own, means.device());
                positions.of(means, 1, 0).index_select(2, &own) - old
            }
            (PatchValue::Other | PatchValue::Mean, _) => of_run(runs.other) - old,
            (PatchValue::Zero, _) => -old,
            (PatchValue::Knockout, _) => unreachable!("of patterns, which no dictionary is of"),
        };
        let moves = change.ne(0.0).to_device(Device::Cpu).contiguous().flatten(0, -1);
        let moves = Vec::<bool>::try_from(moves).expect("booleans");
        Self { dictionary, features, positions, change, moves }
    }

    /// Whether a cell's features change on a prompt at all, at one of its positions: where none does, no score moves.
    pub(crate) fn moves(&self, cell: &Cell<'_>, prompt: usize) -> bool {
        let (positions, features) = (count(self.positions.len()), self.features.len());
        let places = cell.positions().iter().filter_map(|&pos| self.positions.place_of(pos.into()));
        let rows = places.map(|place| (prompt * positions + count(place)) * features);
        let own: Vec<usize> =
            cell.indices(Axis::Feature).iter().map(|&feature| place_of(&self.features, feature)).collect();
        rows.into_iter().any(|row| own.iter().any(|feature| self.moves[row + feature]))
    }

    /// What is added at the site, in the model's kind \[cells, prompts, rows, width\].
    fn written(&self, exec: &Exec<'_>, cohort: &Cohort<'_>, rows: &Positions) -> Tensor {
        let of_cells: Vec<u32> =
            cohort.starts.iter().flat_map(|start| start.cell.indices(Axis::Feature)).copied().collect();
        let places: Vec<i64> = of_cells.iter().map(|&feature| length(place_of(&self.features, feature))).collect();
        let change = rows.places_in(&self.positions).of(&self.change, 1, 0);
        let [prompts, positions] = [0, 1].map(|dim| change.size()[dim]);
        let cells = length(cohort.starts.len());
        let each = [cells, length(of_cells.len()) / cells];
        let index = upload(&places, change.device());
        let change = change.index_select(2, &index).flatten(0, 1).unflatten(1, each).transpose(0, 1);
        let features: Vec<i64> = of_cells.iter().map(|&feature| feature.into()).collect();
        let directions = self.dictionary.directions(&features).unflatten(0, each);
        let written = exec.product(&change, &directions).to_kind(exec.model.embed.kind());
        written.unflatten(1, [prompts, positions])
    }
}

/// Where a cell's index is in an ascending list of those of all cells.
pub(crate) fn place_of(all: &[u32], index: u32) -> usize {
    all.binary_search(&index).expect("a cell's indices are among those of all")
}

/// Some features of activations at a site \[prompts, positions, ..\]: \[prompts, positions, features\], float32.
pub(crate) fn encoded(
    exec: &Exec<'_>,
    dictionary: &DictionaryTensors,
    layer: u32,
    x: &Tensor,
    features: &[u32],
) -> Tensor {
    let device = exec.device(layer);
    let [prompts, positions] = [0, 1].map(|dim| x.size()[dim]);
    let rows = x.to_device(device).reshape([prompts * positions, -1]);
    let selected = Selected::of(features, dictionary.count(), device);
    dictionary.encode(exec, &rows, &selected).unflatten(0, [prompts, positions])
}

impl Patch<'_> {
    /// The patched residual stream at the stage of the patch \[cells, prompts, rows, `d_model`\].
    pub(super) fn changed_by_features(
        &self,
        layer: u32,
        component: Component,
        features: &FeatureChange<'_>,
        cohort: &Cohort<'_>,
        rows: &Positions,
    ) -> Tensor {
        let exec = self.exec;
        let model = &exec.model.architecture;
        let written = features.written(exec, cohort, rows);
        let base = |component| for_each_cell(cohort, &self.base_at(layer, component, rows));
        match component {
            Component::Z if model.has_post_norms() => {
                let z = base(Component::Z);
                let z = &z + written.view_as(&z);
                base(changed_by_heads(model)) + exec.attn_out(layer, &z)
            }
            Component::Z => {
                let resid = base(changed_by_heads(model)).copy();
                exec.add_attn_out_of_heads(layer, 0, &written.flatten(0, 2), &mut resid.flatten(0, 2));
                resid
            }
            Component::MlpPost if model.has_post_norms() => {
                let projected = exec.linear(&(base(Component::MlpPost) + written), &exec.weights(layer).mlp_out);
                base(Component::ResidMid) + exec.after_mlp(layer, &projected)
            }
            Component::MlpPost => {
                let resid = base(Component::ResidPost).copy();
                let outputs = exec.weights(layer).mlp_out.weight.transpose(0, 1);
                exec.add_product(&mut resid.flatten(0, 2), &written.flatten(0, 2), &outputs);
                resid
            }
            _ => base(component.facts(model).stage.stream()) + written,
        }
    }
}
