//! What is patched, over which axes, and by what.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::also::Also;
use crate::architecture::Architecture;
pub use crate::axis::Axis;
pub use crate::component::Component;
use crate::dictionary::Dictionary;
use crate::estimate::Estimate;
use crate::groups::{Group, Spot};
use crate::length;
use crate::paths::Receivers;

mod error;

pub use error::AxesError;

/// One component over named axes: one result tensor \[iteration, axes..\].
///
/// A cell writes the component in one layer, or in the layers of a window around it, others together with it, and what is
/// written in every cell as well (`writes`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Unique in the sweep.
    pub name: String,
    /// What is patched; the first of several sites.
    pub component: Component,
    /// Ordered, distinct, allowed for the component, starting with the layer.
    pub axes: Vec<Axis>,
    /// What the patched activation becomes.
    pub value: PatchValue,
    /// The indices that are patched along each of the component's axes, ascending; groups of prompts share them.
    pub(crate) selected: Arc<BTreeMap<Axis, Vec<u32>>>,
    /// Sites that each cell writes besides the component.
    pub(crate) others: Vec<Component>,
    /// How many layers a cell writes, itself in the middle; 1 is no window.
    pub(crate) window: u32,
    /// What every cell writes as well; of two that meet the later one counts.
    pub(crate) also: Vec<Also>,
    /// Of paths: what receives the changes.
    pub(crate) to: Option<Receivers>,
    /// Of the model.
    pub(crate) layers: u32,
    /// Whose features its cells write, where they write no activations.
    pub(crate) dictionary: Option<Arc<Dictionary>>,
    /// Whether only cells of active features are computed.
    pub(crate) chooses_features: bool,
    /// How its effects are estimated; `None`: all of them are computed.
    pub estimate: Option<Estimate>,
    /// What the positions are called, where they are spots.
    pub(crate) spots: Option<Arc<[Spot]>>,
    /// Of a group of prompts: the positions of each place along an axis, and of all together.
    pub(crate) places: BTreeMap<Axis, Places>,
}

/// Positions along an axis, where one place of it may be several positions, or the same as another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    each: Vec<Vec<u32>>,
    all: Vec<u32>,
}

/// What a patched activation becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PatchValue {
    /// The activation of the other run: of the corrupted one when noising, of the clean one when denoising.
    #[default]
    Other,
    /// Zero.
    Zero,
    /// The mean over all corrupted prompts, position by position.
    Mean,
    /// Of attention probabilities: 0, and the others of the row are what the softmax makes of their scores alone, as if these were
    /// minus infinity. A row that would have nothing else to attend to stays as it is.
    Knockout,
}

/// Most cells of a grid in one iteration.
pub const MAX_CELLS: u32 = 1 << 24;

/// Most indices that all grids of a sweep list together, over all axes of their components: 64 MiB of them.
pub const MAX_INDICES: u64 = 1 << 24;

/// Indices along all axes of a component.
#[must_use]
pub fn index_count(component: Component, architecture: &Architecture, positions: u32) -> u64 {
    component.axes().iter().map(|&axis| u64::from(extent(component, axis, architecture, positions))).sum()
}

fn list(axes: &[Axis]) -> String {
    let names: Vec<_> = axes.iter().map(|a| format!("`{a}`")).collect();
    names.join(", ")
}

/// How many indices a component has along one of its axes.
#[must_use]
pub fn extent(component: Component, axis: Axis, architecture: &Architecture, positions: u32) -> u32 {
    match axis {
        Axis::Layer => architecture.layers,
        Axis::Head => component.heads().count(architecture),
        Axis::Neuron => architecture.d_mlp,
        Axis::Pos | Axis::DestPos | Axis::SrcPos => positions,
        // They are of dictionaries and of receivers.
        Axis::Feature | Axis::ToLayer | Axis::ToHead => 0,
    }
}

impl Grid {
    /// Whether it may be of prompts that differ in length or positions: paths, features and estimates may not.
    #[must_use]
    pub fn knows_spots(&self) -> bool {
        self.to.is_none() && self.dictionary.is_none() && self.estimate.is_none()
    }

    /// A grid over all indices, restricted by [`Grid::restricted`] and patched with the other run's activation.
    ///
    /// `positions`: tokens of each prompt.
    pub fn new(
        name: String,
        component: Component,
        axes: Vec<Axis>,
        architecture: &Architecture,
        positions: u32,
    ) -> Result<Self, AxesError> {
        if !component.is_in(architecture) {
            return Err(AxesError::NotInModel { component });
        }
        if let Some(&axis) = axes.iter().find(|a| !component.axes().contains(a)) {
            return Err(AxesError::NotOfComponent { component, axis });
        }
        if !axes.is_sorted_by(|a, b| a < b) {
            return Err(AxesError::Order { component });
        }
        if axes.first() != Some(&Axis::Layer) {
            return Err(AxesError::NoLayer);
        }
        let all = component
            .axes()
            .iter()
            .map(|&axis| (axis, (0..extent(component, axis, architecture, positions)).collect()));
        Ok(Self {
            name,
            component,
            axes,
            value: PatchValue::Other,
            selected: Arc::new(all.collect()),
            others: Vec::new(),
            window: 1,
            also: Vec::new(),
            to: None,
            layers: architecture.layers,
            dictionary: None,
            chooses_features: false,
            estimate: None,
            spots: None,
            places: BTreeMap::new(),
        })
    }

    /// The same grid whose positions are spots.
    #[must_use]
    pub fn over_spots(self, spots: Arc<[Spot]>) -> Self {
        Self { spots: Some(spots), ..self }
    }

    /// The same grid over the positions that its spots are in a group of prompts.
    #[must_use]
    pub(crate) fn of_group(&self, group: &Group) -> Self {
        let of_positions = self.selected.iter().filter(|(axis, _)| axis.is_of_positions());
        let places = |(&axis, spots): (&Axis, &Vec<u32>)| {
            let each = spots.iter().map(|&spot| group.spots[spot as usize].clone()).collect();
            (axis, Places { each, all: group.positions(spots) })
        };
        Self {
            places: of_positions.map(places).collect(),
            also: self.also.iter().map(|also| also.of_group(group)).collect(),
            spots: None,
            ..self.clone()
        }
    }

    /// What the places along an axis are called, where they are spots of which one is more than a number.
    #[must_use]
    pub fn names(&self, axis: Axis) -> Option<Vec<&str>> {
        let spots = self.spots_along(axis)?;
        let is_named = spots.iter().any(|spot| spot.number.is_none());
        is_named.then(|| spots.iter().map(|spot| spot.name.as_str()).collect())
    }

    /// What people know the places along an axis by: layers, positions, heads, neurons; where they have names, counted from 0.
    #[must_use]
    pub fn coordinates(&self, axis: Axis) -> Vec<u32> {
        let of_spots = || self.spots_along(axis)?.into_iter().map(|spot| spot.number).collect::<Option<Vec<u32>>>();
        let counted = || (0..length(self.indices(axis).len())).collect();
        match self.spots {
            Some(_) if axis.is_of_positions() => of_spots().unwrap_or_else(counted),
            _ => self.indices(axis).to_vec(),
        }
    }

    fn spots_along(&self, axis: Axis) -> Option<Vec<&Spot>> {
        let spots = self.spots.as_ref().filter(|_| axis.is_of_positions())?;
        Some(self.indices(axis).iter().map(|&spot| &spots[spot as usize]).collect())
    }

    /// What a write's position, or spot, is called.
    pub(crate) fn position_name(&self, position: u32) -> Option<&str> {
        Some(self.spots.as_ref()?.get(position as usize)?.name.as_str())
    }

    /// The same grid over some indices of an axis only; along an axis that is left out, those are patched at once.
    pub fn restricted(mut self, axis: Axis, indices: Vec<u32>) -> Result<Self, AxesError> {
        let component = self.component;
        let all =
            Arc::make_mut(&mut self.selected).get_mut(&axis).ok_or(AxesError::NotOfComponent { component, axis })?;
        if indices.is_empty() || !indices.is_sorted_by(|a, b| a < b) {
            return Err(AxesError::Selection { axis });
        }
        if let Some(&index) = indices.iter().find(|index| all.binary_search(index).is_err()) {
            let extent = length(all.len());
            return Err(AxesError::OutOfRange { axis, index, extent });
        }
        *all = indices;
        Ok(self)
    }

    /// The same grid with another value in place of the activations.
    #[must_use]
    pub fn patched_with(self, value: PatchValue) -> Self {
        Self { value, ..self }
    }

    /// Refuses a value that its component cannot become.
    pub fn refuse_value(&self) -> Result<(), AxesError> {
        let component = self.component;
        let is_refused = self.value == PatchValue::Knockout && component != Component::Pattern;
        if is_refused { Err(AxesError::KnockoutOf { component }) } else { Ok(()) }
    }

    /// The indices that are patched along an axis of the component, ascending; none for another axis. Of positions the spots, where
    /// there are any.
    #[must_use]
    pub fn indices(&self, axis: Axis) -> &[u32] {
        self.selected.get(&axis).map_or(&[], Vec::as_slice)
    }

    /// Size of each axis.
    #[must_use]
    pub fn extents(&self) -> Vec<u32> {
        self.axes.iter().map(|&axis| length(self.indices(axis).len())).collect()
    }

    /// Number of cells in one iteration, at most [`MAX_CELLS`].
    pub fn cell_count(&self) -> Result<u32, AxesError> {
        let cells = self.extents().into_iter().try_fold(1u32, u32::checked_mul);
        cells.filter(|&cells| cells <= MAX_CELLS).ok_or(AxesError::TooManyCells)
    }

    /// The same of a grid that was found to have no more than that.
    #[must_use]
    pub fn cells(&self) -> u32 {
        self.extents().into_iter().product()
    }

    /// The cell at a row-major place.
    ///
    /// # Panics
    /// When there is no such cell.
    #[must_use]
    pub fn cell(&self, place: u32) -> Cell<'_> {
        let mut rest = place as usize;
        let mut places = [None; Axis::ALL.len()];
        for &axis in self.axes.iter().rev() {
            let extent = self.indices(axis).len();
            places[axis as usize] = Some(rest % extent);
            rest /= extent;
        }
        assert_eq!(rest, 0, "the grid has this cell");
        Cell { grid: self, places }
    }
}

/// One patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    grid: &'a Grid,
    /// Where this cell is along each axis of the grid.
    places: [Option<usize>; Axis::ALL.len()],
}

impl<'a> Cell<'a> {
    /// The grid that it is of.
    #[must_use]
    pub fn grid(&self) -> &'a Grid {
        self.grid
    }

    /// What is patched; the first of several sites.
    #[must_use]
    pub fn component(&self) -> Component {
        self.grid.component
    }

    /// What it becomes.
    #[must_use]
    pub fn value(&self) -> PatchValue {
        self.grid.value
    }

    /// In which block; the middle of a window.
    #[must_use]
    pub fn layer(&self) -> u32 {
        self.indices(Axis::Layer)[0]
    }

    /// The indices that are patched along an axis, ascending: the cell's own, or all of the grid's where it has no such
    /// axis; none where the component has no such axis.
    #[must_use]
    pub fn indices(&self, axis: Axis) -> &'a [u32] {
        if let Some(Places { each, all }) = self.grid.places.get(&axis) {
            return self.places[axis as usize].map_or(all, |place| &each[place]);
        }
        let all = self.grid.indices(axis);
        self.places[axis as usize].map_or(all, |place| &all[place..=place])
    }

    /// Where it is along each axis of the grid.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.grid.axes.iter().filter_map(|&axis| self.places[axis as usize])
    }

    /// Which spots it patches, by their places along the grid's axes; none where positions are numbers.
    #[must_use]
    pub fn spots(&self) -> Vec<usize> {
        self.grid.places.keys().filter_map(|&axis| self.places[axis as usize]).collect()
    }

    /// Whether cells of equal first positions may differ in the others, as those of spots do.
    #[must_use]
    pub fn is_of_places(&self) -> bool {
        !self.grid.places.is_empty()
    }

    /// The positions whose activation is patched.
    #[must_use]
    pub fn positions(&self) -> &'a [u32] {
        self.indices(self.component().position_axis())
    }
}

#[cfg(test)]
mod tests;
