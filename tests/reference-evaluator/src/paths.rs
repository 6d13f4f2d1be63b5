//! Paths, by two more passes over one prompt.

use ndarray::Array2;
use patchsweep_core::grid::Component;
use patchsweep_core::paths::{Mlps, Norms, Path};
use patchsweep_core::writes::Write;

use crate::hooks::{New, Recording, patch, replace};
use crate::{Model, Run};

/// Logits \[positions, vocabulary\] of a path's last pass. `senders`: what is written, and with what; `base`: the run that is
/// patched.
pub(crate) fn logits(model: &Model, path: &Path<'_>, senders: &[(Write<'_>, New<'_>)], base: &Run) -> Array2<f64> {
    let receives = |component, layer| path.to.component == Some(component) && path.layers().any(|own| own == layer);
    let mut kept = Recording::default();
    // Paths are of sweeps whose positions are numbers.
    let numbers = |listed: &[u32]| listed.to_vec();
    let mut send = patch(senders, &numbers);
    let norms = (path.to.norms == Norms::Frozen).then_some(&base.activations);
    let to_receivers = model.forward_dividing_as(norms, &base.embedding, &mut |component, layer, activation| {
        let frozen = component == Component::MlpOut && path.to.mlps == Mlps::Frozen;
        if component == Component::Z || frozen {
            activation.assign(base.activations.get(component, layer));
        }
        send(component, layer, activation);
        if receives(component, layer) {
            kept.keep(component, layer, activation);
        }
    });
    if path.to.component.is_none() {
        return to_receivers;
    }
    model.forward(&base.embedding, &mut |component, layer, activation| {
        if receives(component, layer) {
            let mut indices = vec![path.to.positions.as_slice()];
            if component.has_heads() {
                indices.push(path.heads(layer));
            }
            replace(&indices, kept.get(component, layer), activation);
        }
    })
}
