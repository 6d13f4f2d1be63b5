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
use crate::paths::{PathError, Receivers};

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
    /// The indices that are patched along each of the component's axes, ascending.
    pub(crate) selected: BTreeMap<Axis, Vec<u32>>,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PatchValue {
    /// The activation of the other run: of the corrupted one when noising, of the clean one when denoising.
    #[default]
    Other,
    /// Zero.
    Zero,
    /// The mean over all corrupted prompts, position by position.
    Mean,
}

/// Why a grid does not fit its component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AxesError {
    /// Blocks whose MLP does not read what attention has added.
    #[error(
        "this model has no `{component}`: attention and MLP of a block both read its input; patch `attn_out`, `mlp_out`, \
         `resid_pre` or `resid_post`"
    )]
    NotInModel {
        /// The component.
        component: Component,
    },
    /// Without a layer there is nothing to start from.
    #[error("axes must start with `layer`")]
    NoLayer,
    /// The component has no such dimension.
    #[error("`{component}` has no axis `{axis}`; its axes are {}", list(component.axes()))]
    NotOfComponent {
        /// The component.
        component: Component,
        /// The axis that it lacks.
        axis: Axis,
    },
    /// `TransformerLens`' order is the only one, so that tensors mean the same everywhere.
    #[error("axes must be distinct and in the order {}", list(component.axes()))]
    Order {
        /// The component.
        component: Component,
    },
    /// Nothing would be patched, or something twice.
    #[error("the indices along `{axis}` must be at least one, distinct and ascending")]
    Selection {
        /// The axis.
        axis: Axis,
    },
    /// The model or the prompts have no such index.
    #[error("index {index} along `{axis}` is out of range: there are {extent}")]
    OutOfRange {
        /// The axis.
        axis: Axis,
        /// The index.
        index: u32,
        /// How many there are.
        extent: u32,
    },
    /// Sites that a cell writes together have the same axes.
    #[error("`{component}` has the axes {}, `{other}` has {}: sites that are written together have the same",
        list(component.axes()), list(other.axes()))]
    OtherAxes {
        /// The first site.
        component: Component,
        /// The one that differs.
        other: Component,
    },
    /// They have as many heads.
    #[error(
        "`{component}` has {heads} heads in this model, `{other}` has {others}: sites that are written together have as many; give each a grid of its own"
    )]
    OtherHeads {
        /// The first site.
        component: Component,
        /// Its heads.
        heads: u32,
        /// The one that differs.
        other: Component,
        /// Its heads.
        others: u32,
    },
    /// A site is written once in a cell.
    #[error("`{component}` is there twice")]
    Twice {
        /// The site.
        component: Component,
    },
    /// A window of no layers writes nothing.
    #[error("a window has at least one layer; leave `window` out for the cell's own layer alone")]
    NoWindow,
    /// What every cell writes is nowhere.
    #[error("what is written as well needs a position, and a head where `{component}` has heads, that the model has")]
    AlsoNowhere {
        /// The site.
        component: Component,
    },
    /// Neurons are the only thing that a cell writes.
    #[error(
        "`{component}` is not written together with other places yet: give it a grid of its own without `window`, `components` \
         and `also`, or patch `mlp_out`, which is made of all neurons"
    )]
    NeuronsWithOthers {
        /// The site.
        component: Component,
    },
    /// A dictionary has other dimensions.
    #[error("`{dictionary}` has no axis `{axis}`: a dictionary is of one layer, and its axes are `pos`, `feature`")]
    NotOfDictionary {
        /// The dictionary.
        dictionary: String,
        /// The axis that it lacks.
        axis: Axis,
    },
    /// The one order of a dictionary's axes.
    #[error("axes must be distinct and in the order `pos`, `feature`")]
    FeatureOrder,
    /// A grid of one cell is a list of nothing.
    #[error("a grid over `{dictionary}` needs an axis: `pos`, `feature` or both")]
    NoFeatureAxis {
        /// The dictionary.
        dictionary: String,
    },
    /// Features are the only thing that a cell writes.
    #[error(
        "features of `{dictionary}` are not written together with other places yet, and send no paths: give them a grid of \
         their own without `window`, `components`, `also` and `to`"
    )]
    FeaturesWithOthers {
        /// The dictionary.
        dictionary: String,
    },
    /// Senders and receivers that make no paths.
    #[error(transparent)]
    Path(#[from] PathError),
    /// More than can be counted.
    #[error("more than {MAX_CELLS} cells; restrict the grid, for instance with `layers`")]
    TooManyCells,
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
            selected: all.collect(),
            others: Vec::new(),
            window: 1,
            also: Vec::new(),
            to: None,
            layers: architecture.layers,
            dictionary: None,
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
        let all = self.selected.get_mut(&axis).ok_or(AxesError::NotOfComponent { component, axis })?;
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
mod tests {
    use super::*;
    use crate::architecture::{ParallelNorms, Sizes, Wiring};

    const SIZES: Sizes = Sizes { layers: 3, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 8 };

    fn grid(component: Component, axes: &[Axis]) -> Result<Grid, AxesError> {
        Grid::new("g".into(), component, axes.to_vec(), &Architecture::plain(SIZES), 5)
    }

    #[test]
    fn keys_and_values_have_heads_of_their_own() {
        let model = Architecture { heads: 4, kv_heads: 2, ..Architecture::plain(SIZES) };
        for (component, heads) in [(Component::Q, 4), (Component::K, 2), (Component::V, 2), (Component::Pattern, 4)] {
            let grid = Grid::new("g".into(), component, vec![Axis::Layer, Axis::Head], &model, 5).expect("a grid");
            assert_eq!(grid.extents(), [3, heads], "{component}");
        }
    }

    #[test]
    fn parallel_blocks_have_nothing_between_attention_and_mlp() {
        let wiring = Wiring::Parallel { norms: ParallelNorms::Two };
        let model = Architecture { wiring, ..Architecture::plain(SIZES) };
        let axes = || vec![Axis::Layer, Axis::Pos];
        let refused = Grid::new("g".into(), Component::ResidMid, axes(), &model, 5).expect_err("is refused");
        assert!(refused.to_string().starts_with("this model has no `resid_mid`"), "{refused}");
        assert!(Grid::new("g".into(), Component::MlpOut, axes(), &model, 5).is_ok());
    }

    #[test]
    fn axes_must_fit_the_component() {
        use Axis::{DestPos, Head, Layer, Neuron, Pos, SrcPos};
        assert!(grid(Component::Z, &[Layer, Pos, Head]).is_ok());
        assert!(grid(Component::ResidPre, &[Layer]).is_ok());
        assert!(grid(Component::Pattern, &[Layer, Head, DestPos, SrcPos]).is_ok());
        assert_eq!(grid(Component::MlpPost, &[Layer, Pos, Neuron]).expect("a grid").extents(), [3, 5, 16]);
        assert_eq!(
            grid(Component::MlpPre, &[Layer, Neuron, Pos]),
            Err(AxesError::Order { component: Component::MlpPre })
        );
        let missing = grid(Component::ResidPre, &[Layer, Head]).unwrap_err();
        assert_eq!(missing.to_string(), "`resid_pre` has no axis `head`; its axes are `layer`, `pos`");
        assert_eq!(grid(Component::Z, &[Layer, Head, Pos]), Err(AxesError::Order { component: Component::Z }));
        assert_eq!(grid(Component::Z, &[Head]), Err(AxesError::NoLayer));
        assert_eq!(grid(Component::Z, &[]), Err(AxesError::NoLayer));
    }

    #[test]
    fn cells_are_row_major() {
        let grid = grid(Component::Z, &[Axis::Layer, Axis::Head]).expect("a grid");
        assert_eq!(grid.cell_count(), Ok(6));
        let cell = grid.cell(3);
        assert_eq!((cell.layer(), cell.indices(Axis::Head)), (1, [1].as_slice()));
        assert_eq!(cell.positions(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_restricted_grid_has_the_indices_that_it_was_given() {
        let all = grid(Component::Z, &[Axis::Layer, Axis::Head]).expect("a grid");
        let some = all.clone().restricted(Axis::Layer, vec![0, 2]).expect("layers");
        let some = some.restricted(Axis::Pos, vec![3, 4]).expect("positions");
        assert_eq!(some.extents(), [2, 2]);
        assert_eq!((some.cell(2).layer(), some.cell(2).positions()), (2, [3, 4].as_slice()));
        for (axis, indices) in
            [(Axis::Head, vec![2]), (Axis::Head, vec![]), (Axis::Pos, vec![1, 1]), (Axis::SrcPos, vec![0])]
        {
            assert!(all.clone().restricted(axis, indices).is_err());
        }
    }
}
