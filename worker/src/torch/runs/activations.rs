//! Activations of a run, and the cache that keeps them between tiles.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::digest::Digest;
use patchsweep_core::grid::Component;
use patchsweep_core::model::Dtype;
use patchsweep_core::scores::CacheStats;
use tch::Tensor;

use crate::cache::ByteLru;
use crate::torch::runs::recorder::{Site, canonical};

/// Activations \[prompts, pos, ..\] by their place; the pattern is \[prompts, head, `dest_pos`, `src_pos`\].
#[derive(Debug)]
pub(crate) struct Activations {
    sites: BTreeMap<Site, Tensor>,
}

impl Activations {
    pub(crate) fn new(sites: BTreeMap<Site, Tensor>) -> Self {
        Self { sites }
    }

    pub(crate) fn into_sites(self) -> BTreeMap<Site, Tensor> {
        self.sites
    }

    pub(crate) fn prompts(&self) -> i64 {
        self.sites.values().next().map_or(0, |x| x.size()[0])
    }

    /// One that was asked for.
    pub(crate) fn get(&self, layer: u32, component: Component) -> Tensor {
        self.sites[&canonical((layer, component))].shallow_clone()
    }

    /// The first positions only.
    pub(crate) fn truncated(&self, positions: i64) -> Self {
        let first = |(&(layer, component), x): (&Site, &Tensor)| {
            let x = match component {
                Component::Pattern => x.narrow(2, 0, positions).narrow(3, 0, positions),
                _ => x.narrow(1, 0, positions),
            };
            ((layer, component), x)
        };
        Self { sites: self.sites.iter().map(first).collect() }
    }

    /// An activation of some prompts, from prompt `prompt` on, that is these ones' before position `first` and `own` from
    /// there on.
    pub(crate) fn completed(&self, site: Site, own: &Tensor, prompt: i64, first: i64) -> Tensor {
        let before = self.sites[&site].narrow(0, prompt, own.size()[0]);
        match site.1 {
            Component::Pattern => Tensor::cat(&[&before.narrow(2, 0, first), own], 2),
            _ => Tensor::cat(&[&before.narrow(1, 0, first), own], 1),
        }
    }
}

/// What an activation depends on, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ActivationKey {
    pub(crate) model: Digest,
    pub(crate) dtype: Dtype,
    pub(crate) tf32: bool,
    /// What went into the run.
    pub(crate) run: Digest,
    pub(crate) site: Site,
}

/// The activations that this worker keeps between tiles.
#[derive(Debug)]
pub(crate) struct ActivationCache {
    /// One for each device: activations stay with their layer.
    caches: Vec<ByteLru<ActivationKey, Tensor>>,
}

impl ActivationCache {
    pub(crate) fn new(devices: usize) -> Self {
        Self { caches: (0..devices).map(|_| ByteLru::new(0)).collect() }
    }

    /// Of all devices together.
    pub(crate) fn stats(&self) -> CacheStats {
        self.caches.iter().map(ByteLru::stats).fold(CacheStats::default(), CacheStats::and)
    }

    /// Bytes on the device that has most of them.
    pub(crate) fn fullest(&self) -> u64 {
        self.caches.iter().map(|cache| cache.stats().bytes).max().unwrap_or(0)
    }

    /// Keeps at most so many bytes on each device from now on.
    pub(crate) fn limit(&mut self, budget_bytes: u64) {
        self.caches.iter_mut().for_each(|cache| cache.limit(budget_bytes));
    }

    /// All of a run's activations at these sites, or nothing. `place`: which device a site is on.
    pub(crate) fn get(
        &mut self,
        sites: &BTreeSet<Site>,
        key: impl Fn(Site) -> ActivationKey,
        place: impl Fn(Site) -> usize,
    ) -> Option<Activations> {
        let found =
            sites.iter().filter_map(|&site| Some((site, self.caches[place(site)].get(&key(site))?.shallow_clone())));
        let found: BTreeMap<Site, Tensor> = found.collect();
        (found.len() == sites.len()).then_some(Activations { sites: found })
    }

    pub(crate) fn keep(
        &mut self,
        activations: &Activations,
        key: impl Fn(Site) -> ActivationKey,
        place: impl Fn(Site) -> usize,
    ) {
        for (&site, activation) in &activations.sites {
            let bytes = activation.numel() * activation.kind().elt_size_in_bytes();
            self.caches[place(site)].insert(key(site), activation.shallow_clone(), bytes as u64);
        }
    }

    /// Keeps so many bytes on a device.
    #[cfg(test)]
    pub(crate) fn keep_zeros(&mut self, device: usize, bytes: u64) {
        let (model, run) = (Digest([0; 32]), Digest([0; 32]));
        let key = ActivationKey { model, dtype: Dtype::Float32, tf32: false, run, site: (0, Component::K) };
        self.caches[device].insert(key, Tensor::zeros([1], tch::kind::FLOAT_CPU), bytes);
    }
}
