//! What is written in every cell of a grid, besides what the cell itself writes.

use std::sync::Arc;

use crate::grid::{Axis, Component, PatchValue};
use crate::groups::Group;

/// A write in one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Also {
    /// What is written.
    pub component: Component,
    /// In which block.
    pub layer: u32,
    /// Which heads, ascending; none where the component has none.
    pub heads: Vec<u32>,
    /// Which neurons, ascending; none where the component has none. They may be very many, and groups of prompts share them.
    pub neurons: Arc<[u32]>,
    /// Which positions, ascending; of a pattern those that attend.
    pub positions: Vec<u32>,
    /// Of a pattern the positions that are attended to, ascending: all of them. None of other components.
    pub sources: Vec<u32>,
    /// What the activation becomes.
    pub value: PatchValue,
}

/// Most of them in one grid.
pub const MOST_ALSO: usize = 1 << 12;

impl Also {
    /// Its indices along an axis; none where the component has no such axis.
    #[must_use]
    pub fn indices(&self, axis: Axis) -> &[u32] {
        match axis {
            _ if !self.component.axes().contains(&axis) => &[],
            Axis::Layer => std::slice::from_ref(&self.layer),
            Axis::Head => &self.heads,
            Axis::Pos | Axis::DestPos => &self.positions,
            Axis::SrcPos => &self.sources,
            Axis::Neuron => &self.neurons,
            // Features are not written with others, and paths are none of these.
            Axis::Feature | Axis::ToLayer | Axis::ToHead => &[],
        }
    }

    /// The same at the positions that its spots are in a group of prompts.
    #[must_use]
    pub(crate) fn of_group(&self, group: &Group) -> Self {
        let sources = if self.sources.is_empty() { Vec::new() } else { (0..group.tokens).collect() };
        Self {
            component: self.component,
            layer: self.layer,
            heads: self.heads.clone(),
            neurons: self.neurons.clone(),
            positions: group.positions(&self.positions),
            sources,
            value: self.value,
        }
    }

    /// How many indices it lists, over all axes.
    #[must_use]
    pub fn index_count(&self) -> u64 {
        (self.heads.len() + self.neurons.len() + self.positions.len() + self.sources.len()) as u64
    }
}
