//! Which activations a tile reads, and which its sweep's other tiles will.

use std::collections::BTreeSet;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};

use super::recorder::{Site, canonical};

/// Activations that patches need of each run.
#[derive(Debug, Default)]
pub(super) struct Sites {
    /// Of the run that is patched.
    pub(super) base: BTreeSet<Site>,
    /// Of what it is patched with.
    pub(super) other: BTreeSet<Site>,
}

impl Sites {
    /// For patches of a grid in some of its layers.
    pub(super) fn of(grid: &Grid, layers: &BTreeSet<u32>, model: &Architecture) -> Self {
        let all_layers = model.layers;
        let at = |components: &[Component]| -> Vec<Site> {
            layers.iter().flat_map(|&layer| components.iter().map(move |&component| (layer, component))).collect()
        };
        let first = layers.first().copied().unwrap_or(all_layers);
        let keys_values = keys_values(first, all_layers);
        // Runs may follow on a position of the other run.
        let follow = grid.value == PatchValue::Other && grid.component.facts(model).is_whole_stream;
        let followed = keys_values.clone().filter(|_| follow);
        let other = at(&other_components(grid.component, grid.value)).into_iter().chain(followed);
        let base = at(&grid.component.base_sites(model)).into_iter().chain(keys_values).chain([last_site(all_layers)]);
        Self { base: base.map(canonical).collect(), other: other.map(canonical).collect() }
    }

    /// What the tiles of a sweep need of clean and corrupted runs, so that one run serves them all.
    pub(super) fn of_sweep(context: &SweepContext) -> BTreeSet<Site> {
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
        PatchValue::Mean if component == Component::Pattern => vec![component],
        PatchValue::Mean | PatchValue::Other => component.other_sites(),
    }
}

/// Keys and values from a layer on.
pub(super) fn keys_values(first: u32, layers: u32) -> impl Iterator<Item = Site> + Clone {
    (first..layers).flat_map(|layer| [(layer, Component::K), (layer, Component::V)])
}

/// The last residual stream, which metrics read.
pub(super) fn last_site(layers: u32) -> Site {
    (layers - 1, Component::ResidPost)
}

/// Bytes of one prompt's activations at some sites.
pub(super) fn bytes_per_prompt(context: &SweepContext, sites: &BTreeSet<Site>) -> u64 {
    let positions = u64::from(context.last_read()) + 1;
    let numbers = |(_, component): &Site| component.numbers(&context.architecture, positions);
    sites.iter().map(numbers).sum::<u64>() * context.dtype.bytes()
}
