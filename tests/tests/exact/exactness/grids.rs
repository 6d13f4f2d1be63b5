//! Random grids.

use patchsweep_core::also::Also;
use patchsweep_core::architecture::Architecture;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue, extent};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::dictionaries;
use super::scenario::{Topic, Writes};

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
    let alone = one_write(model.clone(), positions, topic);
    match topic.writes {
        Writes::One => alone.boxed(),
        Writes::Several => several(alone, model, positions, topic).boxed(),
        Writes::Features => dictionaries::grid(model, positions, topic).boxed(),
    }
}

/// Windows, further sites, and what every cell writes as well, of other values too: at least one of the three.
fn several(
    alone: impl Strategy<Value = Grid>,
    model: Architecture,
    positions: u32,
    topic: Topic,
) -> impl Strategy<Value = Grid> {
    let heads = topic.component.heads().count(&model);
    let goes_with = |other: &Component| {
        let is_alike = other.axes() == topic.component.axes() && other.heads().count(&model) == heads;
        *other != topic.component && other.is_in(&model) && is_alike && !other.has_neurons()
    };
    let others: Vec<Component> = Component::ALL.into_iter().filter(goes_with).collect();
    let most = others.len().min(2);
    let others = subsequence(others, 0..=most).prop_shuffle();
    let also = prop::collection::vec(also(model.clone(), positions), 0..=2);
    (alone, 1..=3u32, others, also).prop_filter_map("one write", move |(grid, window, others, also)| {
        let grid = grid.with_window(window).expect("a window").together_with(others, &model).expect("equal axes");
        let with = |grid: Grid, also| grid.with_also(also, &model, positions).expect("a place");
        let grid = also.into_iter().fold(grid, with);
        grid.has_several_writes().then_some(grid)
    })
}

/// Heads, positions and a value of any component.
fn also(model: Architecture, positions: u32) -> impl Strategy<Value = Also> {
    let is_there = |component: &Component| component.is_in(&model) && !component.has_neurons();
    let components: Vec<Component> = Component::ALL.into_iter().filter(is_there).collect();
    let value = select(vec![PatchValue::Other, PatchValue::Zero, PatchValue::Mean]);
    (select(components), value, 0..model.layers).prop_flat_map(move |(component, value, layer)| {
        let heads = component.heads().count(&model);
        let heads = subsequence((0..heads).collect::<Vec<_>>(), heads.min(1) as usize..=heads as usize);
        let all: Vec<u32> = (0..positions).collect();
        let places = prop_oneof![Just(all.clone()), subsequence(all.clone(), 1..=positions as usize)];
        let sources = if component == Component::Pattern { all } else { Vec::new() };
        (heads, places).prop_map(move |(heads, positions)| Also {
            component,
            layer,
            heads,
            positions,
            sources: sources.clone(),
            value,
        })
    })
}

fn one_write(model: Architecture, positions: u32, topic: Topic) -> impl Strategy<Value = Grid> {
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
