//! Means over all corrupted prompts of an iteration, which are added up batch by batch.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::{Axis, Grid};
use patchsweep_core::part::Part;
use tch::{Kind, Tensor};

use crate::phases::Phase;
use crate::torch::devices::on;
use crate::torch::dictionary::DictionaryTensors;
use crate::torch::patch::features::encoded;
use crate::torch::runs::activations::Activations;
use crate::torch::runs::cached::{Input, Runs};
use crate::torch::runs::recorder::{Site, canonical};
use crate::torch::runs::sites::{Sites, bytes_per_prompt};

impl Runs<'_> {
    /// Means over all corrupted prompts of the iteration \[1, pos, ..\].
    pub(crate) fn mean_corrupted(&mut self, sites: &BTreeSet<Site>) -> Activations {
        let parts: Vec<Part<'_>> = self.whole.parts().collect();
        let contexts = || parts.iter().map(|part| part.context.as_ref());
        // Of equal lengths, but they may be read up to different positions.
        let last_read = |context: &SweepContext| context.iterations[self.iteration as usize].last_read().unwrap_or(0);
        let positions = contexts().map(|context| last_read(context) + 1).max().unwrap_or(1);
        let own_positions = last_read(self.context) + 1;
        let iteration = self.iteration;
        let input = |part, prompts| Input::corrupted_up_to(part, iteration, prompts, positions);
        let digests: Vec<[u8; 32]> = contexts().map(|part| input(part, 0..part.clean.prompts()).digest().0).collect();
        let sites: BTreeSet<Site> = sites.iter().copied().map(canonical).collect();
        // A mean is as large as one prompt's activations, and takes a run of all of them.
        let wanted = Sites::means_of_sweep(self.context);
        let digest = Digest::of(&[digests.as_flattened(), b"mean"].concat());
        let means = self.cached(&digest, &sites, |runs| {
            // Of neurons what is recorded of a batch is more than what it takes to run.
            let at_once = runs.added_at_once(positions, bytes_per_prompt(runs.context, &wanted));
            let run = |part, prompts| runs.run(&input(part, prompts), 0, None, &wanted).into_sites();
            means(contexts(), at_once, runs.exec.model.embed.kind(), run)
        });
        if own_positions < positions { means.truncated(own_positions.into()) } else { means }
    }

    /// Means of a grid's features over all corrupted prompts of the iteration \[1, pos, features\], float32.
    pub(crate) fn mean_features(&mut self, dictionary: &DictionaryTensors, grid: &Grid) -> Tensor {
        // Dictionaries are of sweeps without groups, so that these are all prompts.
        let (context, iteration) = (self.context, self.iteration);
        let (layer, features) = (grid.cell(0).layer(), grid.indices(Axis::Feature));
        let site = canonical((layer, grid.component));
        let numbers: Vec<u8> = features.iter().flat_map(|feature| feature.to_le_bytes()).collect();
        let of = grid.dictionary().map_or([0; 32], |dictionary| dictionary.digest.0);
        let input = Input::corrupted(context, iteration, 0..context.clean.prompts());
        let digest = Digest::of(&[input.digest().0.as_slice(), b"mean of features", &of, &numbers].concat());
        let positions = input.tokens.positions();
        let means = self.cached(&digest, &BTreeSet::from([site]), |runs| {
            // What is encoded is float32.
            let at_once = runs.added_at_once(positions, 4 * features.len() as u64 * u64::from(positions));
            let encode = |part: &SweepContext, prompts| {
                let run = runs.run(&Input::corrupted(part, iteration, prompts), 0, None, &BTreeSet::from([site]));
                let encoded = encoded(runs.exec, dictionary, layer, &run.get(layer, grid.component), features);
                BTreeMap::from([(site, encoded)])
            };
            means([context].into_iter(), at_once, Kind::Float, encode)
        });
        on(self.exec.device(layer), means.get(layer, grid.component))
    }

    /// Prompts of a batch. `bytes`: what one gives, which is there until it is added up.
    fn added_at_once(&self, positions: u32, bytes: u64) -> u32 {
        let kept = (self.kept_bytes / bytes.max(1)).max(1);
        u32::try_from(kept.min(self.prompts_per_batch(positions) as u64)).unwrap_or(u32::MAX)
    }
}

/// Means over all prompts of some parts, at least one. `of_prompts`: what some of them give \[prompts, ..\].
fn means<'c>(
    parts: impl Iterator<Item = &'c SweepContext>,
    at_once: u32,
    kind: Kind,
    of_prompts: impl Fn(&'c SweepContext, Range<u32>) -> BTreeMap<Site, Tensor>,
) -> Activations {
    let _phase = Phase::Corrupted.enter();
    let (mut sums, mut count): (BTreeMap<Site, Tensor>, f64) = (BTreeMap::new(), 0.0);
    for part in parts {
        let all = part.clean.prompts();
        for first in (0..all).step_by(at_once as usize) {
            for (site, given) in of_prompts(part, first..all.min(first.saturating_add(at_once))) {
                let sum = given.sum_dim_intlist([0].as_slice(), true, Kind::Double);
                let sum = sums.remove(&site).map_or_else(|| sum.shallow_clone(), |before| before + &sum);
                sums.insert(site, sum);
            }
        }
        count += f64::from(all);
    }
    Activations::new(sums.into_iter().map(|(site, sum)| (site, (sum / count).to_kind(kind))).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use patchsweep_core::grid::Component;
    use patchsweep_data::sweep;

    use super::*;
    use crate::torch::numbers::host;

    #[test]
    fn every_prompt_of_all_parts_counts_once_whatever_a_batch_has() {
        let (one, other) = (sweep::of_prompts(5), sweep::of_prompts(2));
        let site = (1, Component::Z);
        for (at_once, wanted) in [(2, vec![0..2, 2..4, 4..5, 0..2]), (u32::MAX, vec![0..5, 0..2])] {
            let batches = RefCell::new(Vec::new());
            let of_prompts = |part: &SweepContext, prompts: Range<u32>| {
                batches.borrow_mut().push(prompts.clone());
                let numbers: Vec<f64> = prompts.map(|prompt| f64::from(prompt + part.clean.prompts())).collect();
                BTreeMap::from([(site, Tensor::from_slice(&numbers).view([-1, 1]))])
            };
            let means = means([&one, &other].into_iter(), at_once, Kind::Float, of_prompts).get(site.0, site.1);
            // 5 to 9, and 2 to 3.
            assert_eq!((means.size(), host(&means)), (vec![1, 1], vec![40.0 / 7.0]));
            assert_eq!(batches.into_inner(), wanted);
        }
    }
}
