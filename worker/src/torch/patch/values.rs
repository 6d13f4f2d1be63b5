//! What patched activations become, and what they were.

use patchsweep_core::grid::{Component, PatchValue};
use tch::Tensor;

use super::features::FeatureChange;
use crate::torch::devices::on;
use crate::torch::model::exec::Exec;
use crate::torch::positions::{At, Positions};
use crate::torch::runs::activations::Activations;

/// The run that is patched, and what it is patched with, for some prompts of one part.
pub(crate) struct Patch<'a> {
    pub(crate) exec: &'a Exec<'a>,
    /// What cells with one write put.
    pub(crate) value: PatchValue,
    /// Activations of the run that is patched \[prompts, pos, ..\].
    pub(crate) base: Activations,
    /// Of the other run; empty where nothing of it is put anywhere.
    pub(crate) other: Activations,
    /// Means \[1, pos, ..\]; empty where none is put anywhere.
    pub(crate) means: Activations,
    /// The positions that are read.
    pub(crate) reads: Positions,
    /// The last one of them.
    pub(crate) last: i64,
    /// What cells write that write features.
    pub(crate) features: Option<FeatureChange<'a>>,
}

impl Patch<'_> {
    /// The unpatched activation at some positions \[prompts, positions, ..\].
    pub(crate) fn base_at(&self, layer: u32, component: Component, positions: &Positions) -> Tensor {
        positions.of(&self.of_layer(&self.base, layer, component), 1, 0)
    }

    /// The unpatched activation up to the last read position \[prompts, pos, ..\].
    pub(crate) fn base(&self, layer: u32, component: Component) -> Tensor {
        self.of_layer(&self.base, layer, component).narrow(1, 0, self.last + 1)
    }

    /// On the layer's device: what comes into a block may be on that of the block before.
    fn of_layer(&self, run: &Activations, layer: u32, component: Component) -> Tensor {
        on(self.exec.device(layer), run.get(layer, component))
    }

    /// The unpatched queries at some positions, finished.
    pub(crate) fn base_queries(&self, layer: u32, positions: &Positions) -> Tensor {
        self.exec.finished_queries(layer, &self.base_at(layer, Component::Q, positions), At::Positions(positions))
    }

    /// The unpatched keys up to the last read position, finished.
    pub(crate) fn base_keys(&self, layer: u32) -> Tensor {
        self.exec.finished_keys(
            layer,
            &self.base(layer, Component::K),
            At::Positions(&Positions::between(0, self.last)),
        )
    }

    /// What the patched activation becomes at some positions \[prompts, positions, ..\]; not for patterns.
    pub(crate) fn value_at(&self, layer: u32, component: Component, positions: &Positions) -> Tensor {
        self.new_at(self.value, layer, component, positions)
    }

    /// What an activation becomes that is written with a value \[prompts, positions, ..\]; not for patterns.
    ///
    /// `TransformerLens` folds the value bias into the output bias, so that its zero for values and for what they are
    /// weighted to is that bias here.
    pub(crate) fn new_at(&self, value: PatchValue, layer: u32, component: Component, positions: &Positions) -> Tensor {
        let zero = || self.zeros(layer, component, positions.len());
        match (value, component) {
            (PatchValue::Zero, Component::Z) => zero() + &self.exec.weights(layer).folded_z,
            (PatchValue::Zero, Component::V) => zero() + &self.exec.weights(layer).folded_values,
            (PatchValue::Zero, _) => zero(),
            (PatchValue::Knockout, _) => unreachable!("of patterns, whose rows depend on more than what is written"),
            (PatchValue::Mean | PatchValue::Other, _) => {
                let value = positions.of(&self.of_layer(self.put(value), layer, component), 1, 0);
                let mut sizes = value.size();
                sizes[0] = self.prompts();
                value.expand(&sizes, false)
            }
        }
    }

    /// The activations that are put where an activation of a run, or of some, takes the place.
    pub(crate) fn put(&self, value: PatchValue) -> &Activations {
        if value == PatchValue::Mean { &self.means } else { &self.other }
    }

    /// \[prompts, positions, ..\]
    fn zeros(&self, layer: u32, component: Component, positions: i64) -> Tensor {
        let model = &self.exec.model.architecture;
        let kind = (self.exec.model.embed.kind(), self.exec.device(layer));
        match component.heads().count(model) {
            0 if component.has_neurons() => Tensor::zeros([self.prompts(), positions, model.d_mlp.into()], kind),
            0 => Tensor::zeros([self.prompts(), positions, model.d_model.into()], kind),
            heads => Tensor::zeros([self.prompts(), positions, heads.into(), model.d_head.into()], kind),
        }
    }

    pub(crate) fn prompts(&self) -> i64 {
        self.base.prompts()
    }
}
