//! Random grids.

use std::collections::BTreeMap;

use patchsweep_core::also::Also;
use patchsweep_core::architecture::Architecture;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue, extent};
use patchsweep_core::paths::{Mlps, Norms, Receivers};
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

/// One grid about a topic.
pub(crate) fn grid(model: Architecture, positions: u32, topic: Topic) -> impl Strategy<Value = Grid> {
    let alone = one_write(model.clone(), positions, topic);
    match topic.writes {
        Writes::One => alone.boxed(),
        Writes::Several => several(alone, model, positions, topic).boxed(),
        Writes::Features => dictionaries::grid(model, positions, topic).boxed(),
        Writes::Paths => paths(alone, model, positions).boxed(),
    }
}

/// Paths to receivers of any kind, some of them at once or each alone.
fn paths(alone: impl Strategy<Value = Grid>, model: Architecture, positions: u32) -> impl Strategy<Value = Grid> {
    let components = vec![Some(Component::Q), Some(Component::K), Some(Component::V), Some(Component::MlpIn), None];
    let norms = select(vec![Norms::Recomputed, Norms::Frozen]);
    let to = (select(components), select(vec![Mlps::Live, Mlps::Frozen]), norms, any::<bool>());
    let layers: Vec<u32> = (0..model.layers).collect();
    let all: Vec<u32> = (0..positions).collect();
    let places = prop_oneof![2 => Just(all.clone()), 1 => subsequence(all, 1..=positions as usize)];
    let some = subsequence(layers, 1..=model.layers as usize);
    let heads: Vec<u32> = (0..model.heads).collect();
    let heads = subsequence(heads, 1..=model.heads as usize);
    (alone, to, some, heads, places).prop_map(
        move |(grid, (component, mlps, norms, apart), layers, heads, positions_of)| {
            let count = component.map_or(0, |component| component.heads().count(&model));
            let apart = apart && component.is_some();
            let of_layer = |layer: u32| match count {
                0 => (layer, Vec::new()),
                _ if apart => (layer, (0..count).collect()),
                _ => {
                    let mut own: Vec<u32> = heads.iter().map(|head| (head + layer) % count).collect();
                    own.sort_unstable();
                    own.dedup();
                    (layer, own)
                }
            };
            let places = match component {
                None => BTreeMap::new(),
                Some(_) if apart => (0..model.layers).map(of_layer).collect(),
                Some(_) => layers.into_iter().map(of_layer).collect(),
            };
            let positions_of = if component.is_some() { positions_of } else { (0..positions).collect() };
            let each = if apart { model.layers * count.max(1) } else { 1 };
            let to = Receivers { component, places, positions: positions_of, mlps, norms, apart };
            let grid = sending(grid, MOST_CELLS.div_ceil(each), &model, positions);
            grid.with_paths_to(to, &model, positions).expect("senders and receivers")
        },
    )
}

/// At most so many senders; a residual stream sends in the first layer only.
fn sending(grid: Grid, most: u32, model: &Architecture, positions: u32) -> Grid {
    if grid.component != Component::ResidPre {
        return few(grid, most);
    }
    let first =
        Grid::new(grid.name.clone(), grid.component, grid.axes.clone(), model, positions).expect("the same axes");
    let places = grid.indices(Axis::Pos).to_vec();
    let first = first.restricted(Axis::Layer, vec![0]).and_then(|first| first.restricted(Axis::Pos, places));
    few(first.expect("layer 0").patched_with(grid.value), most)
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
        *other != topic.component && other.is_in(&model) && is_alike
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

/// Heads or neurons, positions and a value of any component.
fn also(model: Architecture, positions: u32) -> impl Strategy<Value = Also> {
    let is_there = |component: &Component| component.is_in(&model);
    let components: Vec<Component> = Component::ALL.into_iter().filter(is_there).collect();
    let value = select(vec![PatchValue::Other, PatchValue::Zero, PatchValue::Mean]);
    (select(components), value, 0..model.layers).prop_flat_map(move |(component, value, layer)| {
        let heads = component.heads().count(&model);
        let heads = subsequence((0..heads).collect::<Vec<_>>(), heads.min(1) as usize..=heads as usize);
        let all: Vec<u32> = (0..positions).collect();
        let places = prop_oneof![Just(all.clone()), subsequence(all.clone(), 1..=positions as usize)];
        let sources = if component == Component::Pattern { all } else { Vec::new() };
        let neurons: Vec<u32> = if component.has_neurons() { (0..model.d_mlp).collect() } else { Vec::new() };
        let least = neurons.len().min(1);
        let neurons = prop_oneof![Just(neurons.clone()), subsequence(neurons.clone(), least..=neurons.len())];
        (heads, neurons, places).prop_map(move |(heads, neurons, positions)| Also {
            component,
            layer,
            heads,
            neurons: neurons.into(),
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
    (axes, selections).prop_filter_map("nothing to attend to is left", move |(axes, selections)| {
        let axes = [vec![Axis::Layer], axes].concat();
        let grid = Grid::new("grid".to_owned(), topic.component, axes, &model, positions);
        let mut grid = grid.expect("axes of the component").patched_with(topic.value);
        for (axis, indices) in selections {
            grid = grid.restricted(axis, indices).expect("indices in range");
        }
        let grid = few(grid, MOST_CELLS);
        let is_of_all = !grid.axes.contains(&Axis::SrcPos) && grid.indices(Axis::SrcPos).len() == positions as usize;
        (grid.value != PatchValue::Knockout || !is_of_all).then_some(grid)
    })
}

/// At most so many cells.
fn few(mut grid: Grid, most: u32) -> Grid {
    while grid.cell_count().expect("few cells") > most {
        let longest = grid.axes.iter().copied().max_by_key(|&axis| grid.indices(axis).len()).expect("an axis");
        // Late positions and layers stay: there patches matter in other ways than at the start.
        let every_other = grid.indices(longest).iter().rev().step_by(2).rev().copied().collect();
        grid = grid.restricted(longest, every_other).expect("some of its indices");
    }
    grid
}

/// All indices, or some.
fn selection(axis: Axis, extent: u32) -> impl Strategy<Value = (Axis, Vec<u32>)> {
    let all: Vec<u32> = (0..extent).collect();
    prop_oneof![Just(all.clone()), subsequence(all, 1..=extent as usize)].prop_map(move |indices| (axis, indices))
}
