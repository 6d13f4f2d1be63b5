//! Names of dimensions. A dataset has one size for each, so grids over other layers get dimensions of their own.

use std::collections::BTreeMap;

use patchsweep_proto::results::{GridScores, SweepResults};

use super::super::labels::is_position;
use super::super::tensors::Tensor;

const ITERATION: &str = "iteration";
const PROMPT: &str = "prompt";
const TOKEN: &str = "token";

/// What stands along a dimension.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Places {
    /// Layers, heads, positions.
    Numbers(Vec<i64>),
    /// Labels.
    Words(Vec<String>),
}

/// A named list along a dimension.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Coordinate {
    /// The dimension's for its indices; another for labels.
    pub(super) name: String,
    pub(super) dimension: String,
    pub(super) places: Places,
}

/// The dimensions of all tensors.
#[derive(Debug)]
pub(super) struct Dimensions<'a> {
    results: &'a SweepResults,
    /// Indices along each dimension but that of iterations and of prompts.
    indices: BTreeMap<String, &'a [u32]>,
    /// Of each grid's axes, by the grid's name.
    of_grids: BTreeMap<&'a str, Vec<String>>,
}

impl<'a> Dimensions<'a> {
    pub(super) fn of(results: &'a SweepResults) -> Self {
        let mut dimensions = Self { results, indices: BTreeMap::new(), of_grids: BTreeMap::new() };
        for grid in &results.grids {
            let names = dimensions.take(grid);
            dimensions.of_grids.insert(&grid.grid, names);
        }
        dimensions
    }

    /// An axis is named by itself, unless an earlier grid has other indices along it.
    fn take(&mut self, grid: &'a GridScores) -> Vec<String> {
        let name = |(axis, indices): (&String, &'a Vec<u32>)| {
            let shared = *self.indices.entry(axis.clone()).or_insert(indices) == indices.as_slice();
            let name = if shared { axis.clone() } else { format!("{}.{axis}", grid.grid) };
            self.indices.insert(name.clone(), indices);
            name
        };
        grid.axes.iter().zip(&grid.indices).map(name).collect()
    }

    /// Of a tensor, in its order.
    pub(super) fn of_tensor(&self, tensor: &Tensor<'_>) -> Vec<String> {
        let axes = tensor.grid.and_then(|grid| self.of_grids.get(grid)).map_or(&[][..], Vec::as_slice);
        let prompt = (tensor.shape.len() > 1 + axes.len()).then_some(PROMPT);
        std::iter::once(ITERATION.to_owned()).chain(axes.iter().cloned()).chain(prompt.map(str::to_owned)).collect()
    }

    /// What stands along each dimension, and the tokens beside positions.
    pub(super) fn coordinates(&self) -> Vec<Coordinate> {
        let iterations = Places::Words(self.results.iteration_labels.clone());
        let mut list =
            vec![Coordinate { name: ITERATION.to_owned(), dimension: ITERATION.to_owned(), places: iterations }];
        for (dimension, indices) in &self.indices {
            let numbers = indices.iter().map(|&index| index.into()).collect();
            list.push(Coordinate {
                name: dimension.clone(),
                dimension: dimension.clone(),
                places: Places::Numbers(numbers),
            });
            list.extend(self.tokens(dimension, indices));
        }
        list
    }

    /// Names of the coordinates that are not a dimension's own.
    pub(super) fn labels(&self) -> Vec<String> {
        let tokens = self.indices.iter().filter_map(|(dimension, indices)| self.tokens(dimension, indices));
        tokens.map(|coordinate| coordinate.name).collect()
    }

    fn tokens(&self, dimension: &str, indices: &[u32]) -> Option<Coordinate> {
        if !is_position(dimension.rsplit('.').next().unwrap_or(dimension)) {
            return None;
        }
        let token = |&index: &u32| self.results.token_labels.get(index as usize).cloned().unwrap_or_default();
        Some(Coordinate {
            name: dimension.strip_suffix("pos").map_or_else(|| TOKEN.to_owned(), |before| format!("{before}{TOKEN}")),
            dimension: dimension.to_owned(),
            places: Places::Words(indices.iter().map(token).collect()),
        })
    }
}
