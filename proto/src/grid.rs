//! What is patched, and over which axes.

use std::fmt;

pub use crate::component::Component;
use crate::model::ModelShape;

/// A named dimension of a grid. One that a grid leaves out is patched at all its indices at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Axis {
    /// Transformer block.
    Layer,
    /// Token position.
    Pos,
    /// Attention head.
    Head,
}

impl Axis {
    /// Every axis, in `TransformerLens`' order.
    pub const ALL: [Self; 3] = [Self::Layer, Self::Pos, Self::Head];

    /// The name in specs and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Pos => "pos",
            Self::Head => "head",
        }
    }

    /// The axis of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One component over named axes: one result tensor \[iteration, axes..\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Unique in the sweep.
    pub name: String,
    /// What is patched.
    pub component: Component,
    /// Ordered, distinct, allowed for the component, starting with the layer.
    pub axes: Vec<Axis>,
}

/// Why a list of axes does not fit a component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AxesError {
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
}

fn list(axes: &[Axis]) -> String {
    let names: Vec<_> = axes.iter().map(|a| format!("`{a}`")).collect();
    names.join(", ")
}

impl Grid {
    /// Checks that the axes fit the component.
    pub fn new(name: String, component: Component, axes: Vec<Axis>) -> Result<Self, AxesError> {
        if let Some(&axis) = axes.iter().find(|a| !component.axes().contains(a)) {
            return Err(AxesError::NotOfComponent { component, axis });
        }
        if !axes.is_sorted_by(|a, b| a < b) {
            return Err(AxesError::Order { component });
        }
        if axes.first() != Some(&Axis::Layer) {
            return Err(AxesError::NoLayer);
        }
        Ok(Self { name, component, axes })
    }

    /// Size of each axis.
    #[must_use]
    pub fn extents(&self, shape: &ModelShape, positions: u32) -> Vec<u32> {
        let extent = |axis: &Axis| match axis {
            Axis::Layer => shape.layers,
            Axis::Pos => positions,
            Axis::Head => shape.heads,
        };
        self.axes.iter().map(extent).collect()
    }

    /// The cell at some indices, one per axis.
    #[must_use]
    pub fn cell(&self, indices: &[u32]) -> Cell {
        let mut cell = Cell { component: self.component, layer: 0, pos: None, head: None };
        for (axis, &index) in self.axes.iter().zip(indices) {
            match axis {
                Axis::Layer => cell.layer = index,
                Axis::Pos => cell.pos = Some(index),
                Axis::Head => cell.head = Some(index),
            }
        }
        cell
    }
}

/// One patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What is patched.
    pub component: Component,
    /// In which block.
    pub layer: u32,
    /// At which position; `None`: at all.
    pub pos: Option<u32>,
    /// Of which head; `None`: of all.
    pub head: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(component: Component, axes: &[Axis]) -> Result<Grid, AxesError> {
        Grid::new("g".into(), component, axes.to_vec())
    }

    #[test]
    fn axes_must_fit_the_component() {
        use Axis::{Head, Layer, Pos};
        assert!(grid(Component::Z, &[Layer, Pos, Head]).is_ok());
        assert!(grid(Component::ResidPre, &[Layer]).is_ok());
        let missing = grid(Component::ResidPre, &[Layer, Head]).unwrap_err();
        assert_eq!(missing.to_string(), "`resid_pre` has no axis `head`; its axes are `layer`, `pos`");
        assert_eq!(grid(Component::Z, &[Layer, Head, Pos]), Err(AxesError::Order { component: Component::Z }));
        assert_eq!(grid(Component::Z, &[Head]), Err(AxesError::NoLayer));
        assert_eq!(grid(Component::Z, &[]), Err(AxesError::NoLayer));
    }

    #[test]
    fn names_round_trip() {
        assert!(Component::ALL.into_iter().all(|c| Component::from_name(c.name()) == Some(c)));
        assert!(Axis::ALL.into_iter().all(|a| Axis::from_name(a.name()) == Some(a)));
    }
}
