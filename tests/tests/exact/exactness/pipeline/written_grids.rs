//! A grid as a table of a spec.

use patchsweep_core::also::Also;
use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::SweepContext;
use patchsweep_core::estimate::{Estimate, Gradients, Verify};
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue, extent};
use patchsweep_core::length;
use patchsweep_core::paths::Receivers;
use serde_json::{Map, Value, json};

use super::lists::Lists;

type Table = Map<String, Value>;

pub(super) fn written_grid(lists: &mut Lists<'_>, context: &SweepContext, grid: &Grid) -> Value {
    let (model, positions) = (&context.architecture, context.positions());
    let mut table = Table::new();
    let of_cells = grid.axes.iter().filter(|axis| !matches!(axis, Axis::ToLayer | Axis::ToHead));
    table.insert("name".to_owned(), json!(grid.name));
    table.insert("axes".to_owned(), of_cells.map(|axis| json!(axis.name())).collect());
    let components: Vec<&str> = grid.components().map(Component::name).collect();
    if let Some(dictionary) = grid.dictionary() {
        table.insert("component".to_owned(), json!(dictionary.name));
    } else if components.len() > 1 {
        table.insert("components".to_owned(), json!(components));
    } else {
        table.insert("component".to_owned(), json!(components[0]));
    }
    for (axis, key) in [
        (Axis::Layer, "layers"),
        (Axis::Head, "heads"),
        (Axis::Neuron, "neurons"),
        (Axis::Feature, "features"),
        (Axis::Pos, "positions"),
        (Axis::DestPos, "dest_positions"),
        (Axis::SrcPos, "src_positions"),
    ] {
        let (indices, all) = (grid.indices(axis), all_along(grid, axis, model, positions));
        if indices.is_empty() || (grid.dictionary().is_some() && axis == Axis::Layer) {
            continue;
        }
        if axis == Axis::Feature && grid.chooses_features() {
            table.insert(key.to_owned(), json!("active"));
            continue;
        }
        let is_of_positions = matches!(axis, Axis::Pos | Axis::DestPos | Axis::SrcPos);
        if (lists.are_numbers() || !is_of_positions) && lists.leaves_out(indices, all) {
            continue;
        }
        let list = if is_of_positions { lists.positions(indices, all) } else { lists.numbers(indices, all) };
        table.insert(key.to_owned(), list);
    }
    if grid.window() > 1 {
        table.insert("window".to_owned(), json!(grid.window()));
    }
    insert_value(&mut table, grid.value);
    if !grid.also().is_empty() {
        let also = grid.also().iter().map(|also| written_also(lists, also, model, positions));
        table.insert("also".to_owned(), also.collect());
    }
    if let Some(to) = grid.to() {
        table.insert("to".to_owned(), written_receivers(lists, to, positions));
    }
    if let Some(estimate) = &grid.estimate {
        insert_estimate(&mut table, estimate);
    }
    table.into()
}

/// How many indices there are.
fn all_along(grid: &Grid, axis: Axis, model: &Architecture, positions: u32) -> u32 {
    match grid.dictionary() {
        Some(dictionary) if axis == Axis::Feature => dictionary.features,
        _ => extent(grid.component, axis, model, positions),
    }
}

fn insert_value(table: &mut Table, value: PatchValue) {
    let ablate = match value {
        PatchValue::Other => return,
        PatchValue::Zero => "zero",
        PatchValue::Mean => "mean",
        PatchValue::Knockout => "knockout",
    };
    table.insert("ablate".to_owned(), json!(ablate));
}

fn written_also(lists: &mut Lists<'_>, also: &Also, model: &Architecture, positions: u32) -> Value {
    let mut table = Table::new();
    let units = |units: &[u32]| -> Value { units.iter().map(|unit| json!(format!("{}.{unit}", also.layer))).collect() };
    table.insert("component".to_owned(), json!(also.component.name()));
    if also.component.has_neurons() && !lists.leaves_out(&also.neurons, model.d_mlp) {
        table.insert("neurons".to_owned(), units(&also.neurons));
    } else if also.component.has_heads() {
        table.insert("heads".to_owned(), units(&also.heads));
    } else {
        table.insert("layers".to_owned(), lists.numbers(&[also.layer], model.layers));
    }
    let of_all = also.component == Component::Pattern;
    let is_left_out = of_all || (lists.are_numbers() && lists.leaves_out(&also.positions, positions));
    if !is_left_out {
        table.insert("positions".to_owned(), lists.positions(&also.positions, positions));
    }
    insert_value(&mut table, also.value);
    table.into()
}

fn written_receivers(lists: &mut Lists<'_>, to: &Receivers, positions: u32) -> Value {
    let mut table = Table::new();
    table.insert("component".to_owned(), json!(to.name()));
    table.insert("mlps".to_owned(), json!(to.mlps.name()));
    table.insert("norm".to_owned(), json!(to.norms.name()));
    let Some(component) = to.component else { return table.into() };
    if to.apart {
        let axes: &[&str] = if component.has_heads() { &["layer", "head"] } else { &["layer"] };
        table.insert("axes".to_owned(), json!(axes));
    } else if component.has_heads() {
        let heads = to.places.iter().flat_map(|(layer, heads)| heads.iter().map(move |head| format!("{layer}.{head}")));
        table.insert("heads".to_owned(), heads.map(Value::from).collect());
    } else {
        table.insert("layers".to_owned(), to.places.keys().map(|&layer| json!(layer)).collect());
    }
    if length(to.positions.len()) < positions {
        table.insert("positions".to_owned(), lists.numbers(&to.positions, positions));
    }
    table.into()
}

fn insert_estimate(table: &mut Table, estimate: &Estimate) {
    table.insert("estimate".to_owned(), json!(estimate.gradients.name()));
    if let Gradients::Integrated { steps } = estimate.gradients {
        table.insert("steps".to_owned(), json!(steps));
    }
    if estimate.recompute_pattern {
        table.insert("recompute_pattern".to_owned(), json!(true));
    }
    if let Some(Verify { top, sample, seed }) = estimate.verify {
        table.insert("verify".to_owned(), json!({ "top": top, "sample": sample, "seed": seed }));
    }
}
