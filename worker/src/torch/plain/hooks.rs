//! What is done with activations on the way: keeping them, and putting others in their place.

use std::collections::BTreeMap;

use patchsweep_core::grid::Component;
use patchsweep_core::writes::Write;
use tch::{Kind, Tensor};

use crate::torch::gpu::upload;

/// Whole activations of a run \[prompts, ..\] by layer and component.
#[derive(Debug, Default)]
pub(crate) struct Recording(BTreeMap<(u32, Component), Tensor>);

impl Recording {
    pub(crate) fn keep(&mut self, layer: u32, component: Component, activation: &Tensor) {
        self.0.insert((layer, component), activation.shallow_clone());
    }

    /// The activation where something is written.
    pub(crate) fn of(&self, write: &Write<'_>) -> Tensor {
        self.at(write.layer, write.component)
    }

    /// The activation of a site that is kept.
    pub(crate) fn at(&self, layer: u32, component: Component) -> Tensor {
        self.0[&(layer, component)].shallow_clone()
    }

    /// Adds the sums over another run's prompts, in float64 \[1, ..\].
    pub(crate) fn add_sums(&mut self, other: &Self) {
        for (&site, activation) in &other.0 {
            let sum = activation.sum_dim_intlist([0].as_slice(), true, Kind::Double);
            let sum = self.0.remove(&site).map_or_else(|| sum.shallow_clone(), |before| before + &sum);
            self.0.insert(site, sum);
        }
    }

    pub(crate) fn map(self, change: impl Fn(Tensor) -> Tensor) -> Self {
        Self(self.0.into_iter().map(|(site, activation)| (site, change(activation))).collect())
    }
}

/// An activation \[prompts, ..\] with what is written replaced. `replacement` broadcasts to its shape.
pub(crate) fn patched(write: &Write<'_>, activation: &Tensor, replacement: &Tensor) -> Tensor {
    let axes = &write.component.axes()[1..];
    replaced(&axes.iter().map(|&axis| write.indices(axis)).collect::<Vec<_>>(), activation, replacement)
}

/// An activation \[prompts, ..\] replaced at some indices along each of its component's axes within a layer, which come behind the
/// prompts; a last dimension may follow, and is replaced whole.
pub(super) fn replaced(indices: &[&[u32]], activation: &Tensor, replacement: &Tensor) -> Tensor {
    let dimensions = activation.dim();
    let mut mask = Tensor::ones([1], (Kind::Bool, activation.device()));
    for (dimension, indices) in (1..).zip(indices) {
        let extent = activation.size()[dimension];
        let mut chosen = vec![false; usize::try_from(extent).unwrap_or_default()];
        for &index in *indices {
            chosen[index as usize] = true;
        }
        let mut shape = vec![1; dimensions];
        shape[dimension] = extent;
        mask = mask.logical_and(&upload(&chosen, activation.device()).view(shape.as_slice()));
    }
    replacement.where_self(&mask, activation)
}

#[cfg(test)]
mod tests {
    use patchsweep_core::architecture::{Architecture, Sizes};
    use patchsweep_core::grid::{Axis, Grid};
    use tch::Device;

    use super::*;

    #[test]
    fn a_patch_replaces_the_cell_and_nothing_else() {
        let sizes = Sizes { layers: 1, heads: 2, d_model: 4, d_mlp: 4, d_vocab: 4, n_ctx: 3 };
        let grid = Grid::new("z".into(), Component::Z, vec![Axis::Layer, Axis::Head], &Architecture::plain(sizes), 3)
            .expect("a grid");
        let grid = grid.restricted(Axis::Pos, vec![0, 2]).expect("positions");
        let write = grid.cell(1).writes().next().expect("a write");
        let activation = Tensor::zeros([2, 3, 2, 2], (Kind::Float, Device::Cpu));
        let replacement = Tensor::ones([1, 3, 2, 2], (Kind::Float, Device::Cpu));
        let numbers = crate::torch::numbers::host(&patched(&write, &activation, &replacement));
        let prompt = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0];
        assert_eq!(numbers, [prompt, prompt].concat());
    }
}
