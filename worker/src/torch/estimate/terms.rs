//! What gradients are multiplied with: by how much a patch changes the activations of a grid in one layer.

use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use tch::{Device, Kind, Tensor};

use super::knockouts::Knockout;
use super::new_patterns::{NewPattern, pattern_difference, recomputes};
use super::scaled::Gradients;
use crate::torch::patch::values::Patch;
use crate::torch::positions::Positions;
use crate::torch::runs::recorder::Site;

/// The changes of one grid in one layer.
pub(super) struct Changes<'a> {
    grid: &'a Grid,
    /// Whose gradients they are multiplied with.
    pub(super) site: Site,
    of: Of,
}

enum Of {
    /// Of the activation, of its shape.
    Activation(Tensor),
    /// Of the pattern that it makes.
    Pattern(NewPattern),
    /// Of the pattern without what is knocked out.
    Knockout(Knockout),
}

impl<'a> Changes<'a> {
    /// Of each layer of a grid.
    pub(super) fn of(patch: &Patch<'_>, grid: &'a Grid) -> Vec<Self> {
        let change = |&layer: &u32| {
            let (site, of) = match grid.component {
                _ if recomputes(grid) => (Component::Pattern, Of::Pattern(NewPattern::of(patch, grid, layer))),
                Component::Pattern if grid.value == PatchValue::Knockout => {
                    (Component::Pattern, Of::Knockout(Knockout::of(patch, grid, layer)))
                }
                Component::Pattern => (Component::Pattern, Of::Activation(pattern_difference(patch, grid, layer))),
                component => {
                    let new = patch.new_at(grid.value, layer, component, &Positions::between(0, patch.last));
                    let change = new.to_kind(Kind::Double) - patch.base(layer, component).to_kind(Kind::Double);
                    (component, Of::Activation(change))
                }
            };
            Self { grid, site: (layer, site), of }
        };
        grid.indices(Axis::Layer).iter().map(change).collect()
    }

    /// Gradient times change, float64 on the CPU \[prompts, axes within a layer..\]; one metric's gradients.
    pub(super) fn terms(&self, gradients: &Gradients, patch: &Patch<'_>) -> Option<Tensor> {
        let gradient = gradients.scaled(self.site)?;
        let terms = match &self.of {
            Of::Pattern(new) => new.terms(gradient, self.grid, &patch.exec.model.architecture),
            Of::Knockout(knockout) => knockout.terms(gradient),
            Of::Activation(change) => {
                let product = gradient.to_kind(Kind::Double) * change;
                let is_whole = product.dim() > self.grid.component.axes().len();
                if is_whole { product.sum_dim_intlist([-1].as_slice(), false, Kind::Double) } else { product }
            }
        };
        Some(gradients.put_right(&terms.to_device(Device::Cpu)))
    }
}
