//! Patches of neurons, which act through the MLP's output projection alone: a cell adds its neurons' part of it.
//!
//! So no cell goes through the whole projection, unless it patches the whole hidden layer. What its neurons change is computed
//! for all cells at once, and each cell takes those that it patches.

use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::sites::read_by_mlp;
use tch::Tensor;

use super::cohort::Cohort;
use super::join::for_each_cell;
use super::values::Patch;
use crate::torch::gpu::upload;
use crate::torch::model::exec::Exec;
use crate::torch::model::parameters::Linear;
use crate::torch::numbers::length;
use crate::torch::positions::Positions;

/// The neurons that cells patch, cell after cell, as many for each.
struct Neurons {
    /// int64; `None`: the whole hidden layer, in order.
    index: Option<Tensor>,
    cells: i64,
    of_each: i64,
}

impl Patch<'_> {
    /// The patched residual stream behind the MLP \[cells, prompts, rows, `d_model`\].
    pub(super) fn changed_by_neurons(
        &self,
        layer: u32,
        component: Component,
        cohort: &Cohort<'_>,
        rows: &Positions,
    ) -> Tensor {
        let exec = self.exec;
        let neurons = Neurons::of(cohort, exec, layer);
        let base = |component| for_each_cell(cohort, &self.base_at(layer, component, rows));
        let sum = |onto| {
            let change = self.neuron_change(layer, component, &neurons, rows);
            let sum = base(onto).copy();
            exec.add_neurons(layer, &neurons, &change, &mut sum.flatten(1, 2));
            sum
        };
        if !exec.model.architecture.has_post_norms() {
            return sum(Component::ResidPost);
        }
        let projected = if neurons.are_all() {
            // Not as a difference: a norm behind would enlarge what rounding leaves where nothing is left.
            let new = self.gated(layer, component, &neurons, rows, self.new_neurons(layer, component, &neurons, rows));
            exec.linear(&new, &exec.weights(layer).mlp_out).unsqueeze(0)
        } else {
            sum(Component::MlpProjection)
        };
        base(Component::ResidMid) + exec.after_mlp(layer, &projected)
    }

    /// By how much what the output projection reads changes \[prompts, rows, neuron\].
    fn neuron_change(&self, layer: u32, component: Component, neurons: &Neurons, rows: &Positions) -> Tensor {
        let old = neurons.of_hidden(&self.base_at(layer, component, rows));
        let change = self.new_neurons(layer, component, neurons, rows) - self.activated(component, &old);
        self.gated(layer, component, neurons, rows, change)
    }

    /// What the neurons become, behind the activation function \[prompts, rows, neuron\].
    fn new_neurons(&self, layer: u32, component: Component, neurons: &Neurons, rows: &Positions) -> Tensor {
        self.activated(component, &neurons.of_hidden(&self.value_at(layer, component, rows)))
    }

    fn activated(&self, component: Component, x: &Tensor) -> Tensor {
        if component == Component::MlpPre { self.exec.activation(x.copy()) } else { x.shallow_clone() }
    }

    /// What becomes of numbers behind the activation function where the MLP is gated: the other factor is that of the run
    /// that is patched. `mlp_post` is behind it.
    fn gated(&self, layer: u32, component: Component, neurons: &Neurons, rows: &Positions, x: Tensor) -> Tensor {
        let exec = self.exec;
        let block = exec.weights(layer);
        if component == Component::MlpPost || block.mlp_gate.is_none() {
            return x;
        }
        let reads = exec.mlp_reads(layer, &self.base_at(layer, read_by_mlp(&exec.model.architecture), rows));
        x * exec.linear(&reads, &neurons.outputs(&block.mlp_in))
    }
}

impl Exec<'_> {
    /// Adds to what the output projection gives \[cells, rows, `d_model`\] what a change of the cells' neurons
    /// \[prompts, rows, neuron\] changes in it.
    fn add_neurons(&self, layer: u32, neurons: &Neurons, change: &Tensor, projected: &mut Tensor) {
        let each = [neurons.cells, neurons.of_each];
        let change = change.flatten(0, 1).unflatten(1, each).transpose(0, 1);
        let weights = neurons.of_hidden(&self.weights(layer).mlp_out.weight).transpose(0, 1).unflatten(0, each);
        self.add_products(projected, &change, &weights);
    }
}

impl Neurons {
    fn of(cohort: &Cohort<'_>, exec: &Exec<'_>, layer: u32) -> Self {
        let all: Vec<i64> =
            cohort.starts.iter().flat_map(|start| start.cell.indices(Axis::Neuron)).map(|&n| n.into()).collect();
        let (cells, count) = (length(cohort.starts.len()), length(all.len()));
        let is_whole = all.iter().copied().eq(0..exec.model.architecture.d_mlp.into());
        let index = (!is_whole).then(|| upload(&all, exec.device(layer)));
        Self { index, cells, of_each: count / cells }
    }

    /// Whether one cell patches the whole hidden layer.
    fn are_all(&self) -> bool {
        self.index.is_none() && self.cells == 1
    }

    /// Of a tensor \[.., `d_mlp`\] these.
    fn of_hidden(&self, x: &Tensor) -> Tensor {
        self.picked(x, -1)
    }

    /// Of a projection to the hidden layer these outputs.
    fn outputs(&self, linear: &Linear) -> Linear {
        let bias = linear.bias.as_ref().map(|bias| self.picked(bias, 0));
        Linear { weight: self.picked(&linear.weight, 0), bias }
    }

    fn picked(&self, x: &Tensor, dim: i64) -> Tensor {
        self.index.as_ref().map_or_else(|| x.shallow_clone(), |index| x.index_select(dim, index))
    }
}
