//! A cell is a list of writes: values put at places of the run that is patched, all in one pass.
//!
//! New values are those of the other run, zero or a mean, never of the run that is being patched. So what comes later in the
//! forward pass becomes its new value whatever was written before it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::also::Also;
use crate::architecture::Architecture;
use crate::causality::PromptPair;
use crate::dictionary::Dictionary;
use crate::features;
use crate::grid::{AxesError, Axis, Cell, Component, Grid, PatchValue};
use crate::paths::Path;
use crate::sites::{Heads, Stage};

/// A value put at one site, in one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write<'a> {
    /// What is written.
    pub component: Component,
    /// In which block.
    pub layer: u32,
    /// What it becomes.
    pub value: PatchValue,
    at: At<'a>,
}

/// Where the units and positions of a write are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At<'a> {
    Cell(Cell<'a>),
    Also(&'a Also, &'a Grid),
}

impl<'a> Write<'a> {
    /// The indices that are written along an axis within the layer, ascending; none where the component has no such axis.
    #[must_use]
    pub fn indices(&self, axis: Axis) -> &'a [u32] {
        match self.at {
            At::Cell(cell) => cell.indices(axis),
            At::Also(also, _) => also.indices(axis),
        }
    }

    /// Whether it is a pattern's whole rows, as those that every cell writes are.
    #[must_use]
    pub fn is_of_all_sources(&self) -> bool {
        matches!(self.at, At::Also(also, _) if !also.sources.is_empty())
    }

    /// The grid whose cells it is written in.
    fn grid(&self) -> &'a Grid {
        match self.at {
            At::Cell(cell) => cell.grid(),
            At::Also(_, grid) => grid,
        }
    }

    /// The dictionary whose features are written, where no activation is written as it stands.
    #[must_use]
    pub fn dictionary(&self) -> Option<&'a Arc<Dictionary>> {
        match self.at {
            At::Cell(cell) => cell.dictionary(),
            At::Also(..) => None,
        }
    }

    /// The axes within the layer of what is written, in order.
    #[must_use]
    pub fn axes(&self) -> &'static [Axis] {
        if self.dictionary().is_some() { features::AXES } else { &self.component.axes()[1..] }
    }

    /// The positions whose activation is written.
    #[must_use]
    pub fn positions(&self) -> &'a [u32] {
        self.indices(self.component.position_axis())
    }

    /// Whether it knocks something out at a position, which then attends to something else.
    #[must_use]
    pub fn knocks_out_at(&self, pos: u32, model: &Architecture) -> bool {
        let sources = self.indices(Axis::SrcPos);
        self.value == PatchValue::Knockout && model.knocks_out_some(self.layer, pos, sources)
    }
}

impl Grid {
    /// The same grid whose cells write further sites as well, which have the component's axes and as many heads.
    pub fn together_with(mut self, others: Vec<Component>, model: &Architecture) -> Result<Self, AxesError> {
        let component = self.component;
        for (place, &other) in others.iter().enumerate() {
            self.refuse_features()?;
            if other == component || others[..place].contains(&other) {
                return Err(AxesError::Twice { component: other });
            }
            if !other.is_in(model) {
                return Err(AxesError::NotInModel { component: other });
            }
            if other.axes() != component.axes() {
                return Err(AxesError::OtherAxes { component, other });
            }
            let [heads, others] = [component, other].map(|component| component.heads().count(model));
            if heads != others {
                return Err(AxesError::OtherHeads { component, heads, other, others });
            }
        }
        self.others = others;
        Ok(self)
    }

    /// The same grid whose cells write so many layers, themselves in the middle.
    pub fn with_window(mut self, window: u32) -> Result<Self, AxesError> {
        if window == 0 {
            return Err(AxesError::NoWindow);
        }
        if window > 1 {
            self.refuse_features()?;
        }
        self.window = window;
        Ok(self)
    }

    /// The same grid whose cells write this as well; where it meets one that was there before, it counts.
    pub fn with_also(mut self, also: Also, model: &Architecture, positions: u32) -> Result<Self, AxesError> {
        let component = also.component;
        if !component.is_in(model) {
            return Err(AxesError::NotInModel { component });
        }
        self.refuse_features()?;
        if also.value == PatchValue::Knockout {
            let is_pattern = component == Component::Pattern;
            return Err(if is_pattern { AxesError::KnockoutOfRows } else { AxesError::KnockoutOf { component } });
        }
        let some = |indices: &[u32], extent: u32| {
            let fits = indices.is_sorted_by(|a, b| a < b) && indices.last().is_some_and(|&last| last < extent);
            if extent == 0 { indices.is_empty() } else { fits }
        };
        let sources = if component == Component::Pattern { positions } else { 0 };
        let neurons = if component.has_neurons() { model.d_mlp } else { 0 };
        let is_somewhere = also.layer < model.layers
            && some(&also.heads, component.heads().count(model))
            && some(&also.neurons, neurons)
            && some(&also.positions, positions)
            && also.sources.len() == sources as usize
            && (sources == 0 || some(&also.sources, sources));
        if !is_somewhere {
            return Err(AxesError::AlsoNowhere { component });
        }
        self.also.push(also);
        Ok(self)
    }

    /// The sites that each cell writes, the component first.
    pub fn components(&self) -> impl Iterator<Item = Component> + Clone + use<'_> {
        std::iter::once(self.component).chain(self.others.iter().copied())
    }

    /// How many layers a cell writes where the model has them; 1 is no window.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.window
    }

    /// What every cell writes as well.
    #[must_use]
    pub fn also(&self) -> &[Also] {
        &self.also
    }

    /// Hidden layers that its patches read whole: of the run that is patched those of its component, of the other run those whose
    /// neurons take the place of others.
    #[must_use]
    pub fn hidden_layers(&self) -> [BTreeSet<(u32, Component)>; 2] {
        let layers = || self.indices(Axis::Layer).iter().copied();
        let base = layers().map(|layer| (layer, self.component));
        let own = layers().flat_map(|layer| self.written_layers(layer));
        let own = own.flat_map(|layer| self.components().map(move |component| (layer, component)));
        let also = self.also.iter().filter(|also| also.value == PatchValue::Other);
        let also = also.map(|also| (also.layer, also.component));
        let other = own.filter(|_| self.value == PatchValue::Other).chain(also);
        let is_hidden = |(_, component): &(u32, Component)| component.has_neurons();
        [base.filter(is_hidden).collect(), other.filter(is_hidden).collect()]
    }

    /// Whether a cell may have several writes.
    #[must_use]
    pub fn has_several_writes(&self) -> bool {
        self.window > 1 || !self.others.is_empty() || !self.also.is_empty()
    }

    /// Whether any of its writes is an ablation, which does something where clean and corrupted prompts are equal too.
    #[must_use]
    pub fn has_ablation(&self) -> bool {
        [PatchValue::Zero, PatchValue::Mean, PatchValue::Knockout].into_iter().any(|value| self.writes_value(value))
    }

    /// Whether any of its writes has this value.
    #[must_use]
    pub fn writes_value(&self, value: PatchValue) -> bool {
        self.value == value || self.also.iter().any(|also| also.value == value)
    }

    /// The layers that the cell in a layer writes: of `window` layers from `layer - window / 2` on those that exist. What is
    /// cut at an end is smaller, not moved.
    #[must_use]
    pub fn written_layers(&self, layer: u32) -> Range<u32> {
        let before = self.window / 2;
        let end = (layer.saturating_add(self.window)).saturating_sub(before).min(self.layers);
        layer.saturating_sub(before)..end
    }
}

impl<'a> Cell<'a> {
    /// What it writes, of two that meet at one place the one that counts last: what every cell writes, then its own.
    pub fn writes(&self) -> impl Iterator<Item = Write<'a>> + use<'a> {
        let (cell, grid) = (*self, self.grid());
        let of_also = move |also: &'a Also| Write {
            component: also.component,
            layer: also.layer,
            value: also.value,
            at: At::Also(also, grid),
        };
        let in_layer = move |layer: u32| {
            grid.components().map(move |component| Write { component, layer, value: grid.value, at: At::Cell(cell) })
        };
        grid.also.iter().map(of_also).chain(grid.written_layers(self.layer()).flat_map(in_layer))
    }

    /// Whether it has more than one write.
    #[must_use]
    pub fn has_several_writes(&self) -> bool {
        self.writes().nth(1).is_some()
    }
}

/// Where the runs of a cell begin to differ from the run that is patched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Beginning {
    /// The block.
    pub layer: u32,
    /// The stream in it.
    pub stage: Stage,
}

impl Beginning {
    /// Of a cell's runs of some prompts, for which it is no no-op: where the first write takes place that could change a score
    /// were it alone. What comes before it puts what is there already.
    ///
    /// Several writes of which the first is inside attention begin with its block, which is computed as a whole: what they make of
    /// attention is no sum of what each does. Where it is inside the MLP they begin with what that reads.
    #[must_use]
    pub fn of(cell: &Cell<'_>, pairs: &[PromptPair<'_>], model: &Architecture) -> Self {
        if let Some(path) = cell.path() {
            return Self::of_path(&path, pairs, model);
        }
        if !cell.has_several_writes() {
            return Self { layer: cell.layer(), stage: cell.component().facts(model).stage };
        }
        let is_live = |write: &Write<'_>| pairs.iter().any(|pair| pair.first_change_of(write, model).is_ok());
        // Of a parallel block its neurons begin before what attention adds.
        let beginning = |write: Write<'_>| (write.layer, write.component.stage_of_several(model));
        match cell.writes().filter(is_live).map(beginning).min() {
            Some((layer, stage)) => Self { layer, stage },
            None => Self { layer: cell.layer(), stage: Stage::Input },
        }
    }

    /// Of a path's third pass: where its first receiver is that can change a score. What an MLP reads changes its block's output;
    /// the logits are behind all blocks.
    fn of_path(path: &Path<'_>, pairs: &[PromptPair<'_>], model: &Architecture) -> Self {
        let positions = || path.cell.positions().iter();
        let layers = pairs.iter().flat_map(|pair| positions().filter_map(|&pos| pair.path_at(path, pos, model).ok()));
        let layer = layers.min().unwrap_or(0).min(model.layers - 1);
        let attends = matches!(path.to.component, Some(Component::Q | Component::K | Component::V));
        Self { layer, stage: if attends { Stage::Input } else { Stage::Output } }
    }

    /// Of a cell with several writes, or of a path, the positions of its runs, from the first that is computed to the last that is read, that
    /// may differ before the next attention; the others are those of the run that is patched. Ascending.
    #[must_use]
    pub fn rows(self, cell: &Cell<'_>, computed: Range<u32>, model: &Architecture) -> Vec<u32> {
        if let Some(path) = cell.path() {
            return path.positions().filter(|pos| computed.contains(pos)).collect();
        }
        // The first attention whose queries, keys and values they have rows for.
        let attention = if self.stage == Stage::Input { self.layer } else { self.layer + 1 };
        let is_before = |write: &Write<'_>| {
            let facts = write.component.facts(model);
            let from_here = write.layer == self.layer && facts.heads == Heads::None && facts.stage >= self.stage;
            let read_next = write.layer == attention && write.component.is_read_by_attention();
            if self.stage == Stage::Input { read_next } else { from_here || read_next }
        };
        let mut differs = vec![false; computed.len()];
        for &pos in cell.writes().filter(is_before).flat_map(|write| write.positions()) {
            if computed.contains(&pos) {
                differs[(pos - computed.start) as usize] = true;
            }
        }
        (computed.start..).zip(differs).filter_map(|(pos, differs)| differs.then_some(pos)).collect()
    }
}

mod words;

#[cfg(test)]
mod tests;
