//! Paths as their definition says: a whole run to the receivers with everything else held, then a whole run from them on.

use std::collections::BTreeSet;

use patchsweep_core::grid::Component;
use patchsweep_core::paths::{Mlps, Norms, Path};
use patchsweep_core::writes::Write;
use tch::Tensor;

use super::cells::{Logits, PlainChunk, Run};
use super::hooks::{Recording, patched, replaced};

/// Sites of each block that the second pass of paths holds.
pub(super) fn held_sites(norms: Norms) -> &'static [Component] {
    use Component::{MlpOut, ResidMid, ResidPost, ResidPre, Z};
    match norms {
        Norms::Recomputed => &[Z, MlpOut],
        Norms::Frozen => &[Z, MlpOut, ResidPre, ResidMid, ResidPost],
    }
}

impl PlainChunk<'_> {
    /// What the second pass of paths holds of a run: `z` and what MLPs add, in all layers, and the streams that frozen norms read.
    pub(super) fn held(&self, run: Run, norms: Norms) -> Recording {
        let sites = |layer| held_sites(norms).iter().map(move |&component| (layer, component));
        let sites = (0..self.context.architecture.layers).flat_map(sites);
        self.record(run, &sites.collect::<BTreeSet<_>>())
    }

    /// The run that is scored; `senders`: what is written in the second pass, and what takes its place.
    pub(super) fn path_logits(
        &self,
        run: Run,
        path: &Path<'_>,
        senders: &[(Write<'_>, Tensor)],
        held: &Recording,
    ) -> Logits {
        let receives = |layer, component| path.to.component == Some(component) && path.layers().any(|own| own == layer);
        let mut kept = Recording::default();
        let like = (path.to.norms == Norms::Frozen).then_some(held);
        let logits = self.hooked_logits(run, like, &mut |layer, component, activation| {
            let is_held = match component {
                Component::Z => true,
                Component::MlpOut => path.to.mlps == Mlps::Frozen,
                _ => false,
            };
            let activation = if is_held { held.at(layer, component) } else { activation };
            let here = senders.iter().filter(|(write, _)| (layer, component) == (write.layer, write.component));
            let activation = here.fold(activation, |activation, (write, new)| patched(write, &activation, new));
            if receives(layer, component) {
                kept.keep(layer, component, &activation);
            }
            activation
        });
        if path.to.component.is_none() {
            return logits;
        }
        self.hooked_logits(run, None, &mut |layer, component, activation| {
            if !receives(layer, component) {
                return activation;
            }
            let new = kept.at(layer, component);
            if component.has_heads() {
                replaced(&[&path.to.positions, path.heads(layer)], &activation, &new)
            } else {
                replaced(&[&path.to.positions], &activation, &new)
            }
        })
    }
}
