//! Random grids.

use patchsweep_core::architecture::Architecture;
use patchsweep_core::grid::{Axis, Grid, extent};
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::scenario::Topic;

/// Cells of a grid; one that has more is restricted.
const MOST_CELLS: u32 = 24;

/// One or two grids over the topic's component: any axes, restricted along any of them.
pub(crate) fn grids(
    architecture: &Architecture,
    positions: u32,
    topic: Topic,
) -> impl Strategy<Value = Vec<Grid>> + use<> {
    prop::collection::vec(grid(architecture.clone(), positions, topic), 1..=2).prop_map(|mut grids| {
        for (place, grid) in grids.iter_mut().enumerate() {
            grid.name = format!("grid-{place}");
        }
        grids
    })
}

fn grid(model: Architecture, positions: u32, topic: Topic) -> impl Strategy<Value = Grid> {
    let within_layer = &topic.component.axes()[1..];
    let axes = subsequence(within_layer.to_vec(), 0..=within_layer.len());
    let selections: Vec<_> = topic
        .component
        .axes()
        .iter()
        .map(|&axis| selection(axis, extent(topic.component, axis, &model, positions)))
        .collect();
    (axes, selections).prop_map(move |(axes, selections)| {
        let axes = [vec![Axis::Layer], axes].concat();
        let grid = Grid::new("grid".to_owned(), topic.component, axes, &model, positions);
        let mut grid = grid.expect("axes of the component").patched_with(topic.value);
        for (axis, indices) in selections {
            grid = grid.restricted(axis, indices).expect("indices in range");
        }
        while grid.cell_count().expect("few cells") > MOST_CELLS {
            let longest = grid.axes.iter().copied().max_by_key(|&axis| grid.indices(axis).len()).expect("an axis");
            // Late positions and layers stay: there patches matter in other ways than at the start.
            let every_other = grid.indices(longest).iter().rev().step_by(2).rev().copied().collect();
            grid = grid.restricted(longest, every_other).expect("some of its indices");
        }
        grid
    })
}

/// All indices, or some.
fn selection(axis: Axis, extent: u32) -> impl Strategy<Value = (Axis, Vec<u32>)> {
    let all: Vec<u32> = (0..extent).collect();
    prop_oneof![Just(all.clone()), subsequence(all, 1..=extent as usize)].prop_map(move |indices| (axis, indices))
}
