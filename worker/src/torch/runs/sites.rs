//! Which activations a tile reads, and which its sweep's other tiles will.

use std::collections::BTreeSet;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};

use crate::torch::runs::recorder::{Site, canonical};

/// Activations that patches need of each run.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    /// Of the run that is patched.
    pub(crate) base: BTreeSet<Site>,
    /// Of what it is patched with.
    pub(crate) other: BTreeSet<Site>,
}

impl Sites {
    /// For patches of a grid in some of its layers.
    pub(crate) fn of(grid: &Grid, layers: &BTreeSet<u32>, model: &Architecture) -> Self {
        let all_layers = model.layers;
        let first = layers.first().copied().unwrap_or(all_layers);
        let keys_values = keys_values(first, all_layers);
        // Runs may follow on a position of the other run.
        let follow = grid.value == PatchValue::Other && grid.component.facts(model).is_whole_stream;
        let followed = keys_values.clone().filter(|_| follow);
        let replacing = other_components(grid.component, grid.value);
        let in_layer = |&layer: &u32| replacing.iter().map(move |&component| (layer, component));
        let other = layers.iter().flat_map(in_layer).chain(followed);
        let base = layers.iter().flat_map(|&layer| grid.component.base_sites(layer, model));
        let base = base.chain(keys_values).chain([last_site(all_layers)]);
        Self { base: base.map(canonical).collect(), other: other.map(canonical).collect() }
    }

    /// What the tiles of a sweep need of the means over corrupted runs.
    pub(crate) fn means_of_sweep(context: &SweepContext) -> BTreeSet<Site> {
        let grids = context.grids.iter().filter(|grid| grid.value == PatchValue::Mean);
        let of_grid = |grid: &Grid| {
            let layers = grid.indices(Axis::Layer).iter().copied().collect();
            Self::of(grid, &layers, &context.architecture).other
        };
        grids.flat_map(of_grid).collect()
    }

    /// What the tiles of a sweep need of clean and corrupted runs, so that one run serves them all.
    pub(crate) fn of_sweep(context: &SweepContext) -> BTreeSet<Site> {
        let of_grid = |grid: &Grid| {
            let layers = grid.indices(Axis::Layer).iter().copied().collect();
            let sites = Self::of(grid, &layers, &context.architecture);
            let other = if grid.value == PatchValue::Other { sites.other } else { BTreeSet::new() };
            &sites.base | &other
        };
        context.grids.iter().flat_map(of_grid).collect()
    }
}

/// What patches of a component read of the other run. A pattern's mean over prompts is not made of queries and keys.
fn other_components(component: Component, value: PatchValue) -> Vec<Component> {
    match value {
        PatchValue::Zero => Vec::new(),
        PatchValue::Mean if component == Component::Pattern => vec![Component::Pattern],
        PatchValue::Mean | PatchValue::Other => component.other_sites(),
    }
}

/// Keys and values from a layer on.
pub(crate) fn keys_values(first: u32, layers: u32) -> impl Iterator<Item = Site> + Clone {
    (first..layers).flat_map(|layer| [(layer, Component::K), (layer, Component::V)])
}

/// The last residual stream, which metrics read.
pub(crate) fn last_site(layers: u32) -> Site {
    (layers - 1, Component::ResidPost)
}

/// Bytes of one prompt's activations at some sites.
pub(crate) fn bytes_per_prompt(context: &SweepContext, sites: &BTreeSet<Site>) -> u64 {
    let positions = u64::from(context.last_read()) + 1;
    let numbers = |(_, component): &Site| component.numbers(&context.architecture, positions);
    sites.iter().map(numbers).sum::<u64>() * context.dtype.bytes()
}
