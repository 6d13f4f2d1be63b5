//! What is done with activations at named points of a forward pass.

use std::collections::HashMap;

use ndarray::{Array, ArrayD, Dimension};
use patchsweep_core::grid::Cell;
use patchsweep_core::grid::Component;

/// Called with each activation of a forward pass over one prompt, which goes on with what it leaves there: component,
/// layer, and the activation as `TransformerLens` shapes it, without the batch.
pub(crate) type Hook<'a> = dyn FnMut(Component, u32, &mut ArrayD<f64>) + 'a;

/// All activations of a forward pass.
#[derive(Default)]
pub(crate) struct Recording(HashMap<(Component, u32), ArrayD<f64>>);

impl Recording {
    pub(crate) fn keep(&mut self, component: Component, layer: u32, activation: &ArrayD<f64>) {
        self.0.insert((component, layer), activation.clone());
    }

    pub(crate) fn get(&self, component: Component, layer: u32) -> &ArrayD<f64> {
        &self.0[&(component, layer)]
    }
}

/// A hook that replaces the cell's part of its activation.
///
/// `replacement`: of the whole activation's shape.
pub(crate) fn patch<'a>(
    cell: &'a Cell<'_>,
    replacement: &'a ArrayD<f64>,
) -> impl FnMut(Component, u32, &mut ArrayD<f64>) + 'a {
    // The activation's first dimensions are the component's axes within a layer; a last one may follow, and is patched whole.
    let axes = &cell.component().axes()[1..];
    move |component, layer, activation| {
        if (component, layer) != (cell.component(), cell.layer()) {
            return;
        }
        for (index, entry) in activation.indexed_iter_mut() {
            let chosen = |(place, &axis)| cell.indices(axis).iter().any(|&chosen| chosen as usize == index[place]);
            if axes.iter().enumerate().all(chosen) {
                *entry = replacement[&index];
            }
        }
    }
}

/// Runs the hook on an activation, which keeps its shape.
pub(crate) fn hooked<D: Dimension>(
    hook: &mut Hook<'_>,
    component: Component,
    layer: u32,
    x: Array<f64, D>,
) -> Array<f64, D> {
    let mut activation: ArrayD<f64> = x.into_dyn();
    hook(component, layer, &mut activation);
    activation.into_dimensionality().expect("a hook keeps the number of dimensions")
}
