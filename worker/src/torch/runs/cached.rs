//! Clean and corrupted runs of some prompts, cached by content.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use patchsweep_core::context::{Noise, SweepContext};
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::{Axis, Component, Grid};
use patchsweep_core::part::Part;
use patchsweep_core::tokens::TokenMatrix;
use tch::{Kind, Tensor};

use crate::phases::Phase;
use crate::torch::devices::on;
use crate::torch::dictionary::DictionaryTensors;
use crate::torch::model::exec::Exec;
use crate::torch::model::forward::Prefix;
use crate::torch::numbers::length;
use crate::torch::patch::features::encoded;
use crate::torch::rows::joined;
use crate::torch::runs::activations::{ActivationCache, ActivationKey, Activations};
use crate::torch::runs::recorder::{Recorder, Site, canonical};
use crate::torch::runs::sites::{Sites, bytes_per_prompt, keys_values};

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
struct Input<'a> {
    tokens: TokenMatrix,
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
        let Some(first) = first_corrupted.filter(|&first| first < positions) else {
            return self.clean(sites).truncated(positions.into());
        };
        let sites = sites.iter().copied().map(canonical).collect();
        let wanted = &sites | self.kept;
        let digest = Digest::of(&[input.digest().0, self.clean_input().digest().0].concat());
        self.cached(&digest, &sites, |runs| {
            let keys_values = keys_values(0, runs.context.architecture.layers);
            let clean = runs.clean(&wanted.iter().copied().chain(keys_values).collect());
            let clean = clean.truncated(positions.into());
            let _phase = Phase::Corrupted.enter();
            runs.run(&input, first.into(), Some(&clean), &wanted)
        })
    }

    fn clean_input(&self) -> Input<'static> {
        let tokens = self.context.clean.slice(self.prompts.clone()).truncated(self.context.last_read() + 1);
        Input { tokens, noise: None, numbers: Vec::new() }
    }

    /// Means over all corrupted prompts of the iteration \[1, pos, ..\].
    pub(crate) fn mean_corrupted(&mut self, sites: &BTreeSet<Site>) -> Activations {
        let parts: Vec<Part<'_>> = self.whole.parts().collect();
        let all = |part: &Part<'_>| 0..part.context.clean.prompts();
        // Of equal lengths, but they may be read up to different positions.
        let last_read = |context: &SweepContext| context.iterations[self.iteration as usize].last_read().unwrap_or(0);
        let positions = parts.iter().map(|part| last_read(&part.context) + 1).max().unwrap_or(1);
        let own_positions = last_read(self.context) + 1;
        let iteration = self.iteration;
        let input = |part, prompts| Input::corrupted_up_to(part, iteration, prompts, positions);
        let digests: Vec<[u8; 32]> = parts.iter().map(|part| input(&part.context, all(part)).digest().0).collect();
        let sites: BTreeSet<Site> = sites.iter().copied().map(canonical).collect();
        // A mean is as large as one prompt's activations, and takes a run of all of them.
        let wanted = Sites::means_of_sweep(self.context);
        let digest = Digest::of(&[digests.as_flattened(), b"mean"].concat());
        let means = self.cached(&digest, &sites, |runs| {
            let _phase = Phase::Corrupted.enter();
            let mut sums = BTreeMap::new();
            // What is recorded of a batch is there until it is added up; of neurons that is more than what it takes to run.
            let recorded = (runs.kept_bytes / bytes_per_prompt(runs.context, &wanted).max(1)).max(1);
            let most = runs.prompts_per_batch(positions).min(usize::try_from(recorded).unwrap_or(usize::MAX));
            for part in &parts {
                let all = all(part);
                for first in all.clone().step_by(most) {
                    let last = usize::try_from(all.end - first).map_or(most, |rest| rest.min(most));
                    let some = first..first + u32::try_from(last).expect("some of the prompts");
                    for (site, activation) in runs.run(&input(&part.context, some), 0, None, &wanted).into_sites() {
                        let sum = activation.sum_dim_intlist([0].as_slice(), true, tch::Kind::Double);
                        let sum =
                            sums.remove(&site).map_or_else(|| sum.shallow_clone(), |before: Tensor| before + &sum);
                        sums.insert(site, sum);
                    }
                }
            }
            let kind = runs.exec.model.embed.kind();
            let prompts = f64::from(runs.whole.clean.prompts());
            let mean = |(site, sum): (Site, Tensor)| (site, (sum / prompts).to_kind(kind));
            Activations::new(sums.into_iter().map(mean).collect())
        });
        if own_positions < positions { means.truncated(own_positions.into()) } else { means }
    }

    /// Means of a grid's features over all corrupted prompts of the iteration \[1, pos, features\], float32.
    pub(crate) fn mean_features(&mut self, dictionary: &DictionaryTensors, grid: &Grid) -> Tensor {
        // Dictionaries are of sweeps without groups, so that these are all prompts.
        let (context, iteration) = (self.context, self.iteration);
        let all = 0..context.clean.prompts();
        let corrupted = |prompts| Input::corrupted(context, iteration, prompts);
        let (layer, features) = (grid.cell(0).layer(), grid.indices(Axis::Feature));
        let site = canonical((layer, grid.component));
        let numbers: Vec<u8> = features.iter().flat_map(|feature| feature.to_le_bytes()).collect();
        let of = grid.dictionary().map_or([0; 32], |dictionary| dictionary.digest.0);
        let input = corrupted(all.clone());
        let digest = Digest::of(&[input.digest().0.as_slice(), b"mean of features", &of, &numbers].concat());
        let positions = input.tokens.positions();
        let means = self.cached(&digest, &BTreeSet::from([site]), |runs| {
            let _phase = Phase::Corrupted.enter();
            // What is encoded of a batch is there until it is added up, float32.
            let of_prompt = 4 * features.len() as u64 * u64::from(positions);
            let encoded_at_once = (runs.kept_bytes / of_prompt.max(1)).max(1);
            let most = runs.prompts_per_batch(positions).min(usize::try_from(encoded_at_once).unwrap_or(usize::MAX));
            let mut sum: Option<Tensor> = None;
            for first in all.clone().step_by(most) {
                let last = usize::try_from(all.end - first).map_or(most, |rest| rest.min(most));
                let part = corrupted(first..first + u32::try_from(last).expect("some of the prompts"));
                let run = runs.run(&part, 0, None, &BTreeSet::from([site]));
                let encoded = encoded(runs.exec, dictionary, layer, &run.get(layer, grid.component), features);
                let part = encoded.sum_dim_intlist([0].as_slice(), true, Kind::Double);
                sum = Some(sum.map_or_else(|| part.shallow_clone(), |sum| sum + &part));
            }
            let mean = (sum.expect("a sweep has prompts") / f64::from(all.end)).to_kind(Kind::Float);
            Activations::new(BTreeMap::from([(site, mean)]))
        });
        on(self.exec.device(layer), means.get(layer, grid.component))
    }

    /// What is cached of a run; if anything is missing, the run is made.
    fn cached(
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
    fn run(&self, input: &Input<'_>, first: i64, clean: Option<&Activations>, wanted: &BTreeSet<Site>) -> Activations {
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
        let ids = Tensor::from_slice(&ids).view(shape).to_device(self.exec.model.embed.device());
        let embedded = self.exec.embed(&ids);
        match input.noise {
            Some(noise) => embedded + self.exec.model.noise(noise, &input.numbers, tokens.positions()),
            None => embedded,
        }
    }

    fn prompts_per_batch(&self, positions: u32) -> usize {
        (self.batch_rows / positions as usize).max(1)
    }
}

impl<'a> Input<'a> {
    /// Of the corrupted run, up to the last position that its iteration reads.
    fn corrupted(context: &'a SweepContext, iteration: u32, prompts: Range<u32>) -> Self {
        let last_read = context.iterations[iteration as usize].last_read();
        Self::corrupted_up_to(context, iteration, prompts, last_read.map_or(1, |read| read + 1))
    }

    /// The same of so many positions.
    fn corrupted_up_to(context: &'a SweepContext, iteration: u32, prompts: Range<u32>, positions: u32) -> Self {
        let iteration = &context.iterations[iteration as usize];
        let tokens = iteration.corrupted.slice(prompts.clone()).truncated(positions);
        let numbers = prompts.map(|prompt| context.groups.number(prompt)).collect();
        Self { tokens, noise: iteration.noise.as_ref(), numbers }
    }

    fn digest(&self) -> Digest {
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
