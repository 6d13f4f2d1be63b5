//! Why grids are refused.

use super::{Axis, Component, MAX_CELLS, list};
use crate::paths::PathError;

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
    #[error(
        "what is written as well needs a position, and a head or a neuron where `{component}` has these, that the model has"
    )]
    AlsoNowhere {
        /// The site.
        component: Component,
    },
    /// Nothing else is a row of what a softmax shares out.
    #[error(
        "`knockout` is of attention probabilities, `component = \"pattern\"`, and this is `{component}`: ablate with `zero` or `mean`"
    )]
    KnockoutOf {
        /// The component.
        component: Component,
    },
    /// What every cell writes of a pattern is whole rows.
    #[error(
        "`also` writes whole rows of `pattern`, and to knock all of them out would leave nothing to attend to: give these probabilities \
         a grid of their own, or ablate them with `zero` or `mean`"
    )]
    KnockoutOfRows,
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
