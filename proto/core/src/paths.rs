//! Paths: what the senders, a cell's writes, change in what later places read, the receivers, and nothing else.
//!
//! Wang et al. (2023), appendix B. A second pass has the senders changed and attention held as it is in the run that is
//! patched, MLPs too where they are frozen, and what norms divide by where these are; the receivers' inputs are taken from it.
//! The third one, which is scored, has these in their place and nothing else. In the second pass no position reads another one, for all attention is held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::architecture::Architecture;
use crate::causality::PromptPair;
use crate::grid::{AxesError, Axis, Cell, Component, Grid};
use crate::length;
use crate::sites::Stage;

/// What receives the changes of a grid's senders, and on which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receivers {
    /// What is received: queries, keys, values or what an MLP reads; none: the logits.
    pub component: Option<Component>,
    /// In which layers, and by which of their heads, ascending; no heads where the component has none, no layers for the logits.
    pub places: BTreeMap<u32, Vec<u32>>,
    /// At which positions, ascending; of the logits all.
    pub positions: Vec<u32>,
    /// What MLPs between senders and receivers do.
    pub mlps: Mlps,
    /// What norms between senders and receivers do.
    pub norms: Norms,
    /// Whether each receiver is a cell of its own, along the axes `to_layer` and `to_head`; there are all of them then.
    pub apart: bool,
}

/// What MLPs do between senders and receivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mlps {
    /// They compute: they are on the way.
    #[default]
    Live,
    /// They add what they add in the run that is patched.
    Frozen,
}

/// What norms that read the residual stream do between senders and receivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Norms {
    /// They divide by what the changed stream asks for.
    #[default]
    Recomputed,
    /// They divide by what they divide by in the run that is patched (`TransformerLens`' `hook_scale`): what is sent goes through
    /// them as through a linear map. Norms behind attention and MLPs, and those of queries and keys, compute.
    Frozen,
}

/// Why senders and receivers make no paths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing that adds to the residual stream.
    #[error(
        "`{component}` is no sender of paths: these are `z`, `attn_out`, `mlp_out`, and `resid_pre` of layer 0, the embedding"
    )]
    Sender {
        /// The component.
        component: Component,
    },
    /// A residual stream further on holds more than one path.
    #[error(
        "`resid_pre` of layer {layer} is no sender of paths, only that of layer 0, the embedding: give `layers = [0]`"
    )]
    LaterStream {
        /// Its layer.
        layer: u32,
    },
    /// Nothing that is read of the residual stream.
    #[error(
        "`{component}` receives no paths: receivers are `q`, `k` and `v` of heads, `mlp_in` of layers, and `logits`"
    )]
    Receiver {
        /// The component.
        component: Component,
    },
    /// Of several writes at once there is no path.
    #[error("paths start at one component in one layer: leave `{key}` out of a grid with `to`")]
    SeveralSenders {
        /// What says that there are more.
        key: &'static str,
    },
    /// The model or the prompts have no such place, or there is none.
    #[error("receivers need ascending layers, heads and positions that the model and the prompts have")]
    Nowhere,
}

impl Mlps {
    /// Its name in specs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Frozen => "frozen",
        }
    }
}

impl Norms {
    /// Its name in specs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Recomputed => "recomputed",
            Self::Frozen => "frozen",
        }
    }
}

impl Receivers {
    /// What is received, by name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.component.map_or("logits", Component::name)
    }

    /// Their axes, where each is a cell of its own.
    #[must_use]
    pub fn axes(&self) -> &'static [Axis] {
        match self.component {
            Some(component) if self.apart && component.has_heads() => &[Axis::ToLayer, Axis::ToHead],
            Some(_) if self.apart => &[Axis::ToLayer],
            _ => &[],
        }
    }

    /// How many indices they list.
    #[must_use]
    pub fn index_count(&self) -> u64 {
        let places = self.places.values().map(|heads| 1 + heads.len()).sum::<usize>();
        (places + self.positions.len()) as u64
    }

    fn refuse(&self, model: &Architecture, positions: u32) -> Result<(), PathError> {
        let some = |indices: &[u32], extent: u32| {
            indices.is_sorted_by(|a, b| a < b) && indices.last().is_some_and(|&last| last < extent)
        };
        let places_fit = match self.component {
            None => self.places.is_empty() && !self.apart && self.positions.len() == positions as usize,
            Some(component @ (Component::Q | Component::K | Component::V | Component::MlpIn)) => {
                let count = component.heads().count(model);
                let heads_fit = |heads: &Vec<u32>| if count == 0 { heads.is_empty() } else { some(heads, count) };
                let are_all = || {
                    let heads = |heads: &Vec<u32>| heads.len() == count as usize;
                    self.places.len() == model.layers as usize && self.places.values().all(heads)
                };
                self.places.last_key_value().is_some_and(|(&last, _)| last < model.layers)
                    && self.places.values().all(heads_fit)
                    && (!self.apart || are_all())
            }
            Some(component) => return Err(PathError::Receiver { component }),
        };
        if places_fit && some(&self.positions, positions) { Ok(()) } else { Err(PathError::Nowhere) }
    }
}

impl Grid {
    /// The same grid whose cells are paths from what they write to these receivers. Its axes are there and restricted.
    pub fn with_paths_to(mut self, to: Receivers, model: &Architecture, positions: u32) -> Result<Self, AxesError> {
        if let Some(dictionary) = self.dictionary() {
            return Err(AxesError::FeaturesWithOthers { dictionary: dictionary.name.clone() });
        }
        let several =
            [(self.window > 1, "window"), (!self.others.is_empty(), "components"), (!self.also.is_empty(), "also")];
        if let Some(&(_, key)) = several.iter().find(|(there, _)| *there) {
            return Err(PathError::SeveralSenders { key }.into());
        }
        let component = self.component;
        match component {
            Component::Z | Component::AttnOut | Component::MlpOut => {}
            Component::ResidPre => {
                if let Some(&layer) = self.indices(Axis::Layer).iter().find(|&&layer| layer > 0) {
                    return Err(PathError::LaterStream { layer }.into());
                }
            }
            _ => return Err(PathError::Sender { component }.into()),
        }
        to.refuse(model, positions)?;
        for &axis in to.axes() {
            let all = if axis == Axis::ToLayer {
                to.places.keys().copied().collect()
            } else {
                to.places.values().next().cloned().unwrap_or_default()
            };
            self.axes.push(axis);
            Arc::make_mut(&mut self.selected).insert(axis, all);
        }
        self.to = Some(to);
        Ok(self)
    }

    /// Whole forward passes that a cell takes where nothing is left out: of a path one to the receivers and one from them.
    #[must_use]
    pub fn passes(&self) -> u32 {
        if self.to.as_ref().is_some_and(|to| to.component.is_some()) { 2 } else { 1 }
    }

    /// Cells of one sender, one for each receiver; they follow each other.
    #[must_use]
    pub fn cells_per_sender(&self) -> u32 {
        let axes = self.to.as_ref().map_or(&[][..], Receivers::axes);
        axes.iter().map(|&axis| length(self.indices(axis).len())).product()
    }

    /// Of paths what receives them.
    #[must_use]
    pub fn to(&self) -> Option<&Receivers> {
        self.to.as_ref()
    }
}

/// Tells the senders of a grid apart: layer, first position and first head.
pub type SenderKey = (u32, Option<u32>, Option<u32>);

/// The receivers of one cell.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// The cell whose writes are the senders.
    pub cell: Cell<'a>,
    /// All receivers of its grid.
    pub to: &'a Receivers,
}

impl<'a> Cell<'a> {
    /// Of a path its receivers.
    #[must_use]
    pub fn path(&self) -> Option<Path<'a>> {
        self.grid().to().map(|to| Path { cell: *self, to })
    }

    /// Whether its runs go through blocks as they are, and are changed on their way: several writes, and paths.
    #[must_use]
    pub fn is_changed_on_its_way(&self) -> bool {
        self.has_several_writes() || self.grid().to().is_some()
    }
}

impl<'a> Path<'a> {
    /// The layers of its receivers, ascending; none of the logits.
    pub fn layers(&self) -> impl Iterator<Item = u32> + use<'a> {
        let own = if self.to.apart { self.cell.indices(Axis::ToLayer) } else { &[] };
        let all = (!self.to.apart).then(|| self.to.places.keys().copied());
        own.iter().copied().chain(all.into_iter().flatten())
    }

    /// The heads that receive in a layer, ascending; none of what has no heads.
    #[must_use]
    pub fn heads(&self, layer: u32) -> &'a [u32] {
        match self.to.places.get(&layer) {
            None => &[],
            Some(heads) if heads.is_empty() => &[],
            Some(_) if self.to.apart => self.cell.indices(Axis::ToHead),
            Some(heads) => heads,
        }
    }

    /// The layers of those receivers that read what the sender changes.
    pub fn layers_behind(&self, model: &Architecture) -> impl Iterator<Item = u32> + use<'a> {
        let from = (self.cell.layer(), self.cell.component().facts(model).stage);
        let read = self.read_stage(model);
        self.layers().filter(move |&layer| from <= (layer, read))
    }

    /// Which sender of its grid the cell's is.
    #[must_use]
    pub fn sender(&self) -> SenderKey {
        let first = |axis| self.cell.indices(axis).first().copied();
        (self.cell.layer(), first(Axis::Pos), first(Axis::Head))
    }

    /// The stream that receivers read in their block.
    #[must_use]
    pub fn read_stage(&self, model: &Architecture) -> Stage {
        if self.to.component == Some(Component::MlpIn) && !model.is_parallel() {
            Stage::BeforeMlp
        } else {
            Stage::Input
        }
    }

    /// The positions where what is received may differ from the run that is patched, up to the last one that is read:
    /// ascending, the same for all receivers. `reads`: the read positions.
    #[must_use]
    pub fn sent(&self, pairs: &[PromptPair<'_>], reads: &[u32], model: &Architecture) -> Vec<u32> {
        let first = pairs.iter().filter_map(|pair| pair.first_sent(&self.cell, model)).min();
        let (Some(first), Some(&last)) = (first, reads.last()) else { return Vec::new() };
        let is_read = |pos: &u32| self.to.component.is_some() || reads.binary_search(pos).is_ok();
        let sent = self.positions().filter(|pos| (first..=last).contains(pos));
        sent.filter(is_read).collect()
    }

    /// The positions of senders at which there are receivers, ascending.
    pub fn positions(&self) -> impl Iterator<Item = u32> + use<'a> {
        let to = self.to;
        self.cell.positions().iter().copied().filter(move |pos| to.positions.binary_search(pos).is_ok())
    }

    /// How many MLPs compute between the sender and the last of some layers that receive; for the logits, to the end.
    #[must_use]
    pub fn mlps_on_the_way(&self, received: &BTreeSet<u32>, model: &Architecture) -> u32 {
        let last = if self.to.component.is_some() { received.last().copied() } else { Some(model.layers) };
        let first = self.cell.layer() + u32::from(self.cell.component().facts(model).stage == Stage::Output);
        match (self.to.mlps, last) {
            (Mlps::Live, Some(last)) => last.saturating_sub(first),
            _ => 0,
        }
    }
}

mod words;

#[cfg(test)]
mod tests;
