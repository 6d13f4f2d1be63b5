//! Activations of clean and corrupted runs, cached by content.

use std::collections::BTreeMap;

use patchsweep_proto::digest::Digest;
use patchsweep_proto::grid::Component;
use patchsweep_proto::model::Dtype;
use patchsweep_proto::scores::CacheStats;
use patchsweep_proto::tokens::TokenMatrix;
use tch::{Device, Tensor};

use super::recorder::{Recorder, Site};
use super::weights::Gpt2;
use crate::cache::ByteLru;

/// What an activation depends on, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ActivationKey {
    model: Digest,
    dtype: Dtype,
    tokens: Digest,
    layer: u32,
    component: Component,
}

/// The activations that this worker keeps between tiles.
#[derive(Debug)]
pub(super) struct ActivationCache {
    cache: ByteLru<ActivationKey, Tensor>,
}

impl ActivationCache {
    pub(super) fn new(budget_bytes: u64) -> Self {
        Self { cache: ByteLru::new(budget_bytes) }
    }

    pub(super) fn stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// The activations at `sites` of a run on these tokens \[prompts, pos, ..\].
    ///
    /// If one of them is not cached, the run is made once, in batches of prompts, and everything in `record` is kept
    /// with it.
    pub(super) fn activations(
        &mut self,
        model: &Gpt2,
        dtype: Dtype,
        tokens: &TokenMatrix,
        sites: &[Site],
        record: &dyn Fn(u32, Component) -> bool,
        prompts_per_batch: usize,
    ) -> BTreeMap<Site, Tensor> {
        let tokens_digest = digest(tokens);
        let key = |(layer, component): Site| ActivationKey {
            model: model.digest,
            dtype,
            tokens: tokens_digest,
            layer,
            component,
        };
        let cached: BTreeMap<Site, Tensor> =
            sites.iter().filter_map(|&site| Some((site, self.cache.get(&key(site))?.shallow_clone()))).collect();
        if cached.len() == sites.len() {
            return cached;
        }
        let wanted = |layer, component| sites.contains(&(layer, component)) || record(layer, component);
        let recorded = run(model, tokens, &wanted, prompts_per_batch);
        for (&site, activation) in &recorded {
            self.cache.insert(key(site), activation.shallow_clone(), bytes(activation));
        }
        recorded
    }
}

/// A forward pass over all prompts, in batches.
fn run(
    model: &Gpt2,
    tokens: &TokenMatrix,
    wanted: &dyn Fn(u32, Component) -> bool,
    prompts_per_batch: usize,
) -> BTreeMap<Site, Tensor> {
    let tokens = to_tensor(tokens, model.embed.device());
    let mut parts: BTreeMap<Site, Vec<Tensor>> = BTreeMap::new();
    for batch in tokens.split(i64::try_from(prompts_per_batch).unwrap_or(i64::MAX), 0) {
        let mut recorder = Recorder::new(wanted);
        let mut resid = model.embed(&batch);
        for layer in 0..model.config.shape.layers {
            resid = model.block(layer, &resid, &mut recorder);
        }
        for (site, activation) in recorder.recorded {
            parts.entry(site).or_default().push(activation);
        }
    }
    parts.into_iter().map(|(site, activations)| (site, Tensor::cat(&activations, 0))).collect()
}

/// int64 \[prompts, pos\]
fn to_tensor(tokens: &TokenMatrix, device: Device) -> Tensor {
    let ids: Vec<i64> = tokens.ids().iter().map(|&id| id.into()).collect();
    let shape = [i64::from(tokens.prompts()), i64::from(tokens.positions())];
    Tensor::from_slice(&ids).view(shape).to_device(device)
}

fn digest(tokens: &TokenMatrix) -> Digest {
    let shape = [tokens.prompts(), tokens.positions()];
    let words = shape.iter().chain(tokens.ids());
    Digest::of(&words.flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
}

fn bytes(tensor: &Tensor) -> u64 {
    (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64
}
