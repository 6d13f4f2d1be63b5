//! Clean and corrupted runs of some prompts, cached by content.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use patchsweep_core::context::{Noise, SweepContext};
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::Component;
use patchsweep_core::tokens::TokenMatrix;
use tch::Tensor;

use crate::phases::Phase;
use crate::torch::devices::on;
use crate::torch::gpu::upload;
use crate::torch::model::exec::Exec;
use crate::torch::model::forward::Prefix;
use crate::torch::numbers::length;
use crate::torch::rows::joined;
use crate::torch::runs::activations::{ActivationCache, ActivationKey, Activations};
use crate::torch::runs::recorder::{Recorder, Site, canonical};
use crate::torch::runs::sites::keys_values;

/// Runs of some prompts of one iteration.
pub(crate) struct Runs<'a> {
    pub(crate) exec: &'a Exec<'a>,
    /// The part of the sweep that the prompts are in.
    pub(crate) context: &'a SweepContext,
    /// The sweep, for means over all of its prompts.
    pub(crate) whole: &'a SweepContext,
    pub(crate) iteration: u32,
    pub(crate) prompts: Range<u32>,
    pub(crate) cache: &'a mut ActivationCache,
    /// What is kept of a run that has to be made, besides what is asked for: other tiles need it.
    pub(crate) kept: &'a BTreeSet<Site>,
    /// Tokens of a batch.
    pub(crate) batch_rows: usize,
    /// Bytes of activations that may be kept.
    pub(crate) kept_bytes: u64,
}

/// What goes into a run, up to the last position that matters.
pub(super) struct Input<'a> {
    pub(super) tokens: TokenMatrix,
    noise: Option<&'a Noise>,
    /// Which prompts of the dataset these are.
    numbers: Vec<u32>,
}

impl Runs<'_> {
    /// Activations of the clean run, up to the last position that any iteration reads.
    pub(crate) fn clean(&mut self, sites: &BTreeSet<Site>) -> Activations {
        let input = self.clean_input();
        let sites = sites.iter().copied().map(canonical).collect();
        let wanted = &sites | self.kept;
        self.cached(&input.digest(), &sites, |runs| {
            let _phase = Phase::Clean.enter();
            runs.run(&input, 0, None, &wanted)
        })
    }

    /// Activations of the corrupted run, up to the last position that this iteration reads. What lies before the first
    /// corrupted position is the clean run's, and so is all that is made behind it to the last bit.
    pub(crate) fn corrupted(&mut self, sites: &BTreeSet<Site>) -> Activations {
        let input = Input::corrupted(self.context, self.iteration, self.prompts.clone());
        let pairs = self.prompts.clone().map(|prompt| self.context.prompt_pair(self.iteration, prompt));
        let first_corrupted = pairs.filter_map(|pair| pair.first_corrupted()).min();
        let positions = input.tokens.positions();
        let sites = sites.iter().copied().map(canonical).collect();
        let wanted = &sites | self.kept;
        let layers = self.context.architecture.layers;
        let behind = || wanted.iter().copied().chain(keys_values(0, layers)).collect();
        let clean_digest = self.clean_input().digest();
        let Some(first) = first_corrupted.filter(|&first| first < positions) else {
            // With what another iteration's run is made behind, so that it need not be made again.
            return self.cached(&clean_digest, &sites, |runs| runs.clean(&behind())).truncated(positions.into());
        };
        let digest = Digest::of(&[input.digest().0, clean_digest.0].concat());
        self.cached(&digest, &sites, |runs| {
            let clean = runs.clean(&behind()).truncated(positions.into());
            let _phase = Phase::Corrupted.enter();
            runs.run(&input, first.into(), Some(&clean), &wanted)
        })
    }

    fn clean_input(&self) -> Input<'static> {
        let tokens = self.context.clean.slice(self.prompts.clone()).truncated(self.context.last_read() + 1);
        Input { tokens, noise: None, numbers: Vec::new() }
    }

    /// What is cached of a run; if anything is missing, the run is made.
    pub(super) fn cached(
        &mut self,
        run: &Digest,
        sites: &BTreeSet<Site>,
        make: impl FnOnce(&mut Self) -> Activations,
    ) -> Activations {
        let (model, context) = (self.exec.model, self.context);
        let key =
            |site| ActivationKey { model: model.digest, dtype: context.dtype, tf32: context.tf32, run: *run, site };
        let place = |(layer, _): Site| model.layers.place(layer);
        if let Some(found) = self.cache.get(sites, key, place) {
            return found;
        }
        let activations = make(self);
        self.cache.keep(&activations, key, place);
        activations
    }

    /// A forward pass from position `first` on, in batches of prompts, behind the clean run's activations.
    pub(super) fn run(
        &self,
        input: &Input<'_>,
        first: i64,
        clean: Option<&Activations>,
        wanted: &BTreeSet<Site>,
    ) -> Activations {
        let is_wanted = |site| wanted.contains(&site);
        let mut parts: BTreeMap<Site, Vec<Tensor>> = BTreeMap::new();
        let embedded = self.embedded(input);
        let most = self.prompts_per_batch(input.tokens.positions());
        let total = embedded.size()[0];
        for from in (0..total).step_by(most) {
            let count = length(most).min(total - from);
            let positions = embedded.size()[1];
            let mut resid = embedded.narrow(0, from, count).narrow(1, first, positions - first);
            let mut recorder = Recorder::new(&is_wanted);
            for layer in 0..self.context.architecture.layers {
                let before = |component| {
                    clean.map(|clean| clean.get(layer, component).narrow(0, from, count).narrow(1, 0, first))
                };
                resid = on(self.exec.device(layer), resid);
                let prefix: Option<Prefix> = before(Component::K).zip(before(Component::V)).map(|(k, v)| [k, v]);
                resid = self.exec.block(layer, &resid, prefix.as_ref(), &mut recorder);
            }
            for (site, own) in recorder.recorded {
                let whole = match clean {
                    Some(clean) => clean.completed(site, &own, from, first),
                    None => own,
                };
                parts.entry(site).or_default().push(whole);
            }
        }
        Activations::new(parts.into_iter().map(|(site, parts)| (site, joined(parts.into_iter()))).collect())
    }

    /// \[prompts, pos, `d_model`\]
    fn embedded(&self, input: &Input<'_>) -> Tensor {
        let tokens = &input.tokens;
        let ids: Vec<i64> = tokens.ids().iter().map(|&id| id.into()).collect();
        let shape = [i64::from(tokens.prompts()), i64::from(tokens.positions())];
        let ids = upload(&ids, self.exec.model.embed.device()).view(shape);
        let embedded = self.exec.embed(&ids);
        match input.noise {
            Some(noise) => embedded + self.exec.model.noise(noise, &input.numbers, tokens.positions()),
            None => embedded,
        }
    }

    pub(super) fn prompts_per_batch(&self, positions: u32) -> usize {
        (self.batch_rows / positions as usize).max(1)
    }
}

impl<'a> Input<'a> {
    /// Of the corrupted run, up to the last position that its iteration reads.
    pub(super) fn corrupted(context: &'a SweepContext, iteration: u32, prompts: Range<u32>) -> Self {
        let last_read = context.iterations[iteration as usize].last_read();
        Self::corrupted_up_to(context, iteration, prompts, last_read.map_or(1, |read| read + 1))
    }

    /// The same of so many positions.
    pub(super) fn corrupted_up_to(
        context: &'a SweepContext,
        iteration: u32,
        prompts: Range<u32>,
        positions: u32,
    ) -> Self {
        let iteration = &context.iterations[iteration as usize];
        let tokens = iteration.corrupted.slice(prompts.clone()).truncated(positions);
        let numbers = prompts.map(|prompt| context.groups.number(prompt)).collect();
        Self { tokens, noise: iteration.noise.as_ref(), numbers }
    }

    pub(super) fn digest(&self) -> Digest {
        let shape = [self.tokens.prompts(), self.tokens.positions()];
        let mut words: Vec<u32> = shape.iter().chain(self.tokens.ids()).copied().collect();
        let mut seed = 0;
        if let Some(noise) = self.noise {
            // Noise depends on which prompts of the dataset these are.
            words.extend(&noise.positions);
            words.push(noise.scale.to_bits());
            words.extend(&self.numbers);
            seed = noise.seed;
        }
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).chain(seed.to_le_bytes());
        Digest::of(&bytes.collect::<Vec<u8>>())
    }
}
