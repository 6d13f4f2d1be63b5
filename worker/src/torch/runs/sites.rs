//! Which activations a tile reads, and which its sweep's other tiles will.

use std::collections::BTreeSet;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::SweepContext;
use patchsweep_core::estimate::Gradients;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use patchsweep_core::paths::Norms;

use crate::torch::runs::recorder::{Site, canonical};

/// Activations that patches need of each run.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    /// Of the run that is patched.
    pub(crate) base: BTreeSet<Site>,
    /// Of the other run, whose activations take the place of these.
    pub(crate) other: BTreeSet<Site>,
    /// Of the means over corrupted prompts.
    pub(crate) means: BTreeSet<Site>,
}

impl Sites {
    /// For patches of a grid in some of its layers.
    pub(crate) fn of(grid: &Grid, layers: &BTreeSet<u32>, model: &Architecture) -> Self {
        if grid.to().is_some() {
            return Self::of_paths(grid, layers, model);
        }
        let all_layers = model.layers;
        let first = written(grid, layers).map(|(layer, ..)| layer).min().unwrap_or(all_layers);
        let keys_values = keys_values(first, all_layers);
        // Runs may follow on a position of the other run.
        let writes_all = grid.dictionary().is_none();
        let follow = grid.value == PatchValue::Other && grid.component.facts(model).is_whole_stream && writes_all;
        let followed = keys_values.clone().filter(|_| follow);
        let replacing = other_components(grid.component, grid.value);
        let in_layer = |&layer: &u32| replacing.iter().map(move |&component| (layer, component));
        let single = layers.iter().flat_map(in_layer).chain(followed);
        let several = |value: PatchValue| {
            let sites = written(grid, layers).filter(move |written| written.2 == value && grid.has_several_writes());
            sites.map(|(layer, component, _)| (layer, component))
        };
        let put = |value: PatchValue| {
            let single = single.clone().filter(|_| grid.value == value);
            single.chain(several(value)).map(canonical).collect()
        };
        let base = layers.iter().flat_map(|&layer| grid.component.base_sites(layer, model));
        let together = written(grid, layers).filter(|_| grid.has_several_writes());
        let together = together.flat_map(|(layer, component, _)| component.base_sites_of_several(layer, model));
        let base = base.chain(together).chain(keys_values).chain([last_site(all_layers)]);
        // A mean of features is none of activations.
        let means = if writes_all { put(PatchValue::Mean) } else { BTreeSet::new() };
        Self { base: base.map(canonical).collect(), other: put(PatchValue::Other), means }
    }

    /// For paths from some layers: both passes go through all blocks from the first of them on.
    fn of_paths(grid: &Grid, layers: &BTreeSet<u32>, model: &Architecture) -> Self {
        use Component::{AttnOut, K, MlpOut, Q, ResidMid, ResidPre, V};
        let first = layers.first().copied().unwrap_or(model.layers);
        let reads_mid = grid.to().is_some_and(|to| to.component == Some(Component::MlpIn) || to.norms == Norms::Frozen);
        let stream = (reads_mid && ResidMid.is_in(model)).then_some(ResidMid);
        let in_block = move |layer: u32| {
            let sites = [ResidPre, Q, K, V, AttnOut, MlpOut].into_iter().chain(stream);
            sites.map(move |component| (layer, component))
        };
        let senders = layers.iter().flat_map(|&layer| grid.component.base_sites(layer, model));
        let base = (first..model.layers).flat_map(in_block).chain(senders).chain([last_site(model.layers)]);
        let put = |value: PatchValue| {
            let replacing = if grid.value == value { other_components(grid.component, value) } else { Vec::new() };
            let in_layer =
                |&layer: &u32| replacing.iter().map(move |&component| (layer, component)).collect::<Vec<_>>();
            layers.iter().flat_map(in_layer).map(canonical).collect()
        };
        let (other, means) = (put(PatchValue::Other), put(PatchValue::Mean));
        Self { base: base.map(canonical).collect(), other, means }
    }

    /// Of all runs.
    pub(crate) fn all(&self) -> BTreeSet<Site> {
        &(&self.base | &self.other) | &self.means
    }

    /// What the tiles of a sweep need of the means over corrupted runs.
    pub(crate) fn means_of_sweep(context: &SweepContext) -> BTreeSet<Site> {
        let grids = context.grids.iter().filter(|grid| grid.writes_value(PatchValue::Mean));
        let of_grid = |grid: &Grid| {
            let layers = grid.indices(Axis::Layer).iter().copied().collect();
            Self::of(grid, &layers, &context.architecture).means
        };
        grids.flat_map(of_grid).collect()
    }

    /// What the tiles of a sweep need of clean and corrupted runs, so that one run serves them all.
    pub(crate) fn of_sweep(context: &SweepContext) -> BTreeSet<Site> {
        let of_grid = |grid: &Grid| {
            let layers = grid.indices(Axis::Layer).iter().copied().collect();
            let sites = Self::of(grid, &layers, &context.architecture);
            &sites.base | &sites.other
        };
        // Which of a dictionary's features are active is seen in both.
        let choosing = context.grids.iter().filter(|grid| grid.chooses_features()).map(Self::of_features);
        let computed = context.grids.iter().filter(|grid| grid.estimate.is_none() || grid.verify().is_some());
        let estimates = Self::of_estimates(context);
        computed.flat_map(of_grid).chain(estimates.base).chain(estimates.other).chain(choosing).collect()
    }

    /// What a grid's dictionary reads.
    pub(crate) fn of_features(grid: &Grid) -> Site {
        canonical((grid.indices(Axis::Layer)[0], grid.component))
    }

    /// What estimates of all grids need that have any; nothing where none has.
    pub(crate) fn of_estimates(context: &SweepContext) -> Self {
        let mut sites = Self::default();
        for grid in context.grids.iter().filter(|grid| grid.estimate.is_some()) {
            let component = grid.component;
            let in_layers = |components: &[Component]| -> BTreeSet<Site> {
                let of_layer = |&layer: &u32| components.iter().map(move |&component| canonical((layer, component)));
                grid.indices(Axis::Layer).iter().flat_map(of_layer).collect()
            };
            // Where gradients are taken, and what they are multiplied with.
            sites.base.extend([(0, Component::ResidPre), last_site(context.architecture.layers)]);
            let is_knockout = grid.value == PatchValue::Knockout;
            if !is_knockout {
                sites.base.extend(in_layers(&[component]));
            }
            // Patterns are made of these.
            if is_knockout || grid.estimate.is_some_and(|estimate| estimate.recompute_pattern) {
                sites.base.extend(in_layers(&[Component::Q, Component::K]));
            }
            if grid.estimate.is_some_and(|estimate| estimate.gradients != Gradients::AtBase) {
                sites.other.insert((0, Component::ResidPre));
            }
            match grid.value {
                PatchValue::Zero | PatchValue::Knockout => {}
                PatchValue::Other => sites.other.extend(in_layers(&component.other_sites())),
                PatchValue::Mean => sites.means.extend(in_layers(&[component])),
            }
        }
        sites
    }
}

/// What the cells of a grid in some of its layers write, and with what.
fn written<'a>(
    grid: &'a Grid,
    layers: &'a BTreeSet<u32>,
) -> impl Iterator<Item = (u32, Component, PatchValue)> + Clone + use<'a> {
    let also = grid.also().iter().filter(|_| !layers.is_empty());
    let also = also.map(|also| (also.layer, also.component, also.value));
    let of_layer = move |layer: u32| grid.components().map(move |component| (layer, component, grid.value));
    also.chain(layers.iter().flat_map(|&layer| grid.written_layers(layer)).flat_map(of_layer))
}

/// What patches of a component read of the other run. A pattern's mean over prompts is not made of queries and keys.
fn other_components(component: Component, value: PatchValue) -> Vec<Component> {
    match value {
        PatchValue::Zero | PatchValue::Knockout => Vec::new(),
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

#[cfg(test)]
mod tests {
    use patchsweep_core::also::Also;
    use patchsweep_core::architecture::Sizes;
    use patchsweep_core::estimate::Estimate;

    use super::*;

    #[test]
    fn estimates_of_knockouts_keep_queries_and_keys_instead_of_patterns() {
        let mut context = patchsweep_data::sweep::of_prompts(1);
        let model = context.architecture.clone();
        let grid = |value| {
            let axes = vec![Axis::Layer, Axis::Head, Axis::SrcPos];
            let grid = Grid::new("g".into(), Component::Pattern, axes, &model, context.clean.positions());
            let grid = grid.and_then(|grid| grid.restricted(Axis::Layer, vec![2])).expect("a layer");
            let estimate = Estimate { gradients: Gradients::AtBase, recompute_pattern: false, verify: None };
            grid.patched_with(value).estimated(estimate, &model).expect("one write")
        };
        let [knockout, zero] = [PatchValue::Knockout, PatchValue::Zero].map(grid);
        let mut kept = |grid: Grid| {
            context.grids = vec![grid];
            Sites::of_sweep(&context)
        };
        let around = [(0, Component::ResidPre), last_site(4)];
        let of = |components: &[Component]| {
            let sites = components.iter().map(|&component| canonical((2, component)));
            sites.chain(around.map(canonical)).collect::<BTreeSet<Site>>()
        };
        assert_eq!(kept(knockout), of(&[Component::Q, Component::K]));
        assert_eq!(kept(zero), of(&[Component::Pattern]));
    }

    #[test]
    fn hidden_layers_that_a_plan_counts_are_those_that_are_kept() {
        let model = Architecture::plain(Sizes { layers: 4, heads: 2, d_model: 4, d_mlp: 8, d_vocab: 4, n_ctx: 4 });
        let grid = |component, value| {
            let grid = Grid::new("g".into(), component, vec![Axis::Layer, Axis::Pos], &model, 4).expect("a grid");
            grid.restricted(Axis::Layer, vec![1, 2]).expect("layers").patched_with(value)
        };
        let also = |value| Also {
            component: Component::MlpPre,
            layer: 3,
            heads: Vec::new(),
            neurons: [1].into(),
            positions: vec![0],
            sources: Vec::new(),
            value,
        };
        for value in [PatchValue::Other, PatchValue::Zero, PatchValue::Mean] {
            for component in [Component::MlpPost, Component::MlpOut, Component::ResidPre] {
                let alone = grid(component, value);
                let other = if component == Component::MlpPost { Component::MlpPre } else { Component::AttnOut };
                let both = alone.clone().together_with(vec![other], &model).expect("equal axes");
                let window = both.clone().with_window(3).expect("a window");
                let with = |value| alone.clone().with_also(also(value), &model, 4).expect("neurons");
                for grid in [alone.clone(), both, window, with(PatchValue::Other), with(PatchValue::Zero)] {
                    let kept = Sites::of(&grid, &BTreeSet::from([1, 2]), &model);
                    let hidden = |sites: BTreeSet<Site>| -> BTreeSet<Site> {
                        sites.into_iter().filter(|(_, component)| component.has_neurons()).collect()
                    };
                    assert_eq!([kept.base, kept.other].map(hidden), grid.hidden_layers(), "{}", grid.words());
                }
            }
        }
    }
}
