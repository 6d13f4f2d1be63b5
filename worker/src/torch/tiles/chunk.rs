//! Some prompts of a tile.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use patchsweep_core::causality::{PromptPair, Suffix};
use patchsweep_core::context::{Direction, Iteration, SweepContext};
use patchsweep_core::grid::{Cell, Grid, PatchValue};
use patchsweep_core::paths::Norms;
use patchsweep_core::writes::Beginning;
use tch::Tensor;

use crate::phases::Phase;
use crate::torch::dictionary::DictionaryTensors;
use crate::torch::model::exec::Exec;
use crate::torch::numbers::{count, host, length};
use crate::torch::patch::batch::{Batch, Segment};
use crate::torch::patch::cohort::Start;
use crate::torch::patch::features::{FeatureChange, FeatureRuns};
use crate::torch::patch::stepper::Stepper;
use crate::torch::patch::values::Patch;
use crate::torch::positions::Positions;
use crate::torch::runs::activations::{ActivationCache, Activations};
use crate::torch::runs::cached::Runs;
use crate::torch::runs::recorder::Site;
use crate::torch::runs::sites::{Sites, last_site};
use crate::torch::score::metrics::Scorer;
use crate::torch::score::run_scores::RunScores;
use crate::torch::score::token_sets::Sides;

/// Some prompts of one iteration, few enough for their activations to fit the memory.
pub(crate) struct Chunk<'a> {
    /// The part of the sweep that the prompts are in.
    pub(crate) context: &'a SweepContext,
    /// The sweep.
    pub(crate) whole: &'a SweepContext,
    pub(crate) exec: &'a Exec<'a>,
    pub(crate) iteration: u32,
    pub(crate) prompts: Range<u32>,
    /// What is kept of runs for other tiles.
    pub(crate) kept: &'a BTreeSet<Site>,
    /// Rows of a batch.
    pub(crate) batch_rows: usize,
    /// Bytes of activations that may be kept.
    pub(crate) kept_bytes: u64,
    /// Of a tile of features.
    pub(crate) dictionary: Option<&'a DictionaryTensors>,
}

/// Metrics \[metrics\]\[prompts\].
pub(crate) type Scores = Vec<Vec<f32>>;

impl Chunk<'_> {
    /// Metrics of the clean and of the corrupted run.
    pub(crate) fn baselines(&self, cache: &mut ActivationCache) -> [Scores; 2] {
        let last = BTreeSet::from([last_site(self.context.architecture.layers)]);
        let mut runs = self.runs(cache);
        // The corrupted run makes the clean one with all that it needs of it; the other way round it may be made twice.
        let corrupted = runs.corrupted(&last);
        let clean = runs.clean(&last);
        let scorers = self.scorers(&clean);
        [clean, corrupted].map(|run| self.unpatched(&run, &scorers).averaged())
    }

    /// Metrics of the run that is patched, and of the patched run of each cell.
    pub(crate) fn patched(
        &self,
        grid: &Grid,
        cells: &[Cell<'_>],
        cache: &mut ActivationCache,
    ) -> (Scores, Vec<Scores>) {
        let pairs = self.pairs();
        let starts = self.starts(cells, &pairs);
        let layers: BTreeSet<u32> = starts.iter().map(|start| start.cell.layer()).collect();
        let sites = Sites::of(grid, &layers, &self.context.architecture);
        let mut runs = self.runs(cache);
        let clean = runs.clean(&BTreeSet::from([last_site(self.context.architecture.layers)]));
        let base = base(&mut runs, &sites);
        let [other, means] = other_and_means(&mut runs, &sites);
        // Where no cell is computed, nothing of the runs is at hand.
        let dictionary = self.dictionary.filter(|_| !starts.is_empty());
        let takes_means = dictionary.filter(|_| grid.value == PatchValue::Mean);
        let feature_means = takes_means.map(|dictionary| runs.mean_features(dictionary, grid));
        let scorers = self.scorers(&clean);
        let unpatched = self.unpatched(&base, &scorers);
        let reads = self.reads();
        let last = reads.iter().last().expect("an iteration reads a position");
        let features = dictionary.map(|dictionary| {
            let runs = FeatureRuns { base: &base, other: &other, means: feature_means, last };
            FeatureChange::of(self.exec, dictionary, grid, &runs)
        });
        let freezes_last = grid.to().is_some_and(|to| to.component.is_none() && to.norms == Norms::Frozen);
        let patch = Patch { exec: self.exec, value: grid.value, base, other, means, last, features };
        let stepper = Stepper { patch: &patch, reads: &reads };
        // A patch that cannot change a score leaves it exactly as it is: its effect is 0.
        let mut cell_scores = vec![unpatched.clone(); cells.len()];
        let _phase = Phase::Patched.enter();
        for batch in self.batches(&starts, last) {
            let done = if grid.to().is_some() {
                let reads = &self.iteration().reads;
                stepper.run_paths(batch, &|path| path.sent(&pairs, reads, &self.context.architecture))
            } else {
                stepper.run(batch)
            };
            for (index, (scorer, read)) in scorers.iter().zip(reads.iter()).enumerate() {
                let Some((patched, resid)) = at_read(&done, read) else { continue };
                let like = freezes_last.then(|| last_resid(&patch.base, self.context).select(1, read));
                let new = host(&scorer.score_like(&resid, like.as_ref()));
                let metrics = new.chunks(patched.len() * pairs.len());
                for (place, &cell) in patched.iter().enumerate() {
                    let mut reached = self.reached(&cells[cell], &pairs, read);
                    if let Some(features) = &patch.features {
                        for (prompt, reached) in reached.iter_mut().enumerate() {
                            *reached &= features.moves(&cells[cell], prompt);
                        }
                    }
                    for (metric, new) in metrics.clone().enumerate() {
                        let new = &new[place * pairs.len()..][..pairs.len()];
                        replace(cell_scores[cell].of_mut(metric, index), new, &reached);
                    }
                }
            }
        }
        (unpatched.averaged(), cell_scores.iter().map(RunScores::averaged).collect())
    }

    pub(crate) fn runs<'r>(&'r self, cache: &'r mut ActivationCache) -> Runs<'r> {
        let &Self { context, whole, exec, iteration, ref prompts, kept, batch_rows, kept_bytes, .. } = self;
        Runs { context, whole, exec, iteration, prompts: prompts.clone(), cache, kept, batch_rows, kept_bytes }
    }

    fn reads(&self) -> Positions {
        Positions::new(self.iteration().reads.iter().map(|&read| read.into()))
    }

    pub(crate) fn iteration(&self) -> &Iteration {
        &self.context.iterations[self.iteration as usize]
    }

    /// One for each read position.
    pub(crate) fn scorers(&self, clean: &Activations) -> Vec<Scorer<'_>> {
        let resid = last_resid(clean, self.context);
        let Iteration { reads, answers, wrong_answers, .. } = self.iteration();
        let prompts = self.prompts.start as usize..self.prompts.end as usize;
        let sets: Rc<[_]> = Sides::of(&self.context.metrics, &prompts, resid.device()).into();
        let scorer = |(place, &read): (usize, &u32)| {
            let of_prompts =
                |ids: &[u32]| -> Vec<u32> { prompts.clone().map(|prompt| ids[prompt * reads.len() + place]).collect() };
            let [right, wrong] = [answers, wrong_answers].map(|ids| (!ids.is_empty()).then(|| of_prompts(ids)));
            let clean = resid.select(1, read.into());
            let (metrics, sets) = (&self.context.metrics, sets.clone());
            Scorer::new(self.exec, metrics, right.as_deref(), wrong.as_deref(), sets, &clean)
        };
        reads.iter().enumerate().map(scorer).collect()
    }

    /// Metrics of a run without a patch.
    pub(crate) fn unpatched(&self, run: &Activations, scorers: &[Scorer<'_>]) -> RunScores {
        let resid = last_resid(run, self.context);
        let at_read =
            |(scorer, &read): (&Scorer<'_>, &u32)| host(&scorer.score(&resid.select(1, read.into()).unsqueeze(0)));
        let by_read: Vec<Vec<f32>> = scorers.iter().zip(&self.iteration().reads).map(at_read).collect();
        RunScores::new(&by_read, self.prompts.len())
    }

    fn pairs(&self) -> Vec<PromptPair<'_>> {
        self.prompts.clone().map(|prompt| self.context.prompt_pair(self.iteration, prompt)).collect()
    }

    /// Cells whose patch can change the score of a prompt; those whose runs go through attention together side by side.
    fn starts<'c>(&self, cells: &[Cell<'c>], pairs: &[PromptPair<'_>]) -> Vec<Start<'c>> {
        let start = |(index, &cell): (usize, &Cell<'c>)| {
            let suffix = Suffix::of(&cell, pairs, &self.context.architecture)?;
            let beginning = Beginning::of(&cell, pairs, &self.context.architecture);
            Some(Start { index, cell, suffix, beginning })
        };
        let mut starts: Vec<Start<'c>> = cells.iter().enumerate().filter_map(start).collect();
        // Paths of one sender share their second pass; they follow each other as they are.
        if cells.first().is_some_and(|cell| cell.path().is_none()) {
            starts.sort_by_key(|start| (start.suffix, start.beginning.layer));
        }
        starts
    }

    /// For each prompt, whether the patch can change its score at a read position.
    fn reached(&self, cell: &Cell<'_>, pairs: &[PromptPair<'_>], read: i64) -> Vec<bool> {
        let change = |pair: &PromptPair<'_>| pair.first_change(cell, &self.context.architecture);
        pairs.iter().map(|pair| change(pair).is_ok_and(|pos| i64::from(pos) <= read)).collect()
    }

    /// Cells that fit a batch together, at least one.
    fn batches<'s, 'c>(&self, starts: &'s [Start<'c>], last: i64) -> Vec<&'s [Start<'c>]> {
        let rows = |start: &Start<'_>| {
            count(last + 1 - i64::from(start.suffix.first)) * self.prompts.len() * (1 + kept_rows(start))
        };
        let mut batches = Vec::new();
        let (mut first, mut sum) = (0, 0);
        for (index, start) in starts.iter().enumerate() {
            if index > first && sum + rows(start) > self.batch_rows {
                batches.push(&starts[first..index]);
                (first, sum) = (index, 0);
            }
            sum += rows(start);
        }
        if first < starts.len() {
            batches.push(&starts[first..]);
        }
        batches
    }
}

/// What is kept for each row of a path between its passes, in rows of a batch, which are made of some sixteen activations.
fn kept_rows(start: &Start<'_>) -> usize {
    start.cell.path().map_or(0, |path| path.layers().count() / 16)
}

/// Takes the new scores of the prompts that are reached.
fn replace(scores: &mut [f32], new: &[f32], reached: &[bool]) {
    for ((score, &new), _) in scores.iter_mut().zip(new).zip(reached).filter(|(_, reached)| **reached) {
        *score = new;
    }
}

/// The run that is patched.
pub(crate) fn base(runs: &mut Runs<'_>, sites: &Sites) -> Activations {
    match runs.context.direction {
        Direction::Noising => runs.clean(&sites.base),
        Direction::Denoising => runs.corrupted(&sites.base),
    }
}

/// What takes the place of its activations; no run is made where nothing of it does.
pub(crate) fn other_and_means(runs: &mut Runs<'_>, sites: &Sites) -> [Activations; 2] {
    let none = || Activations::new(BTreeMap::new());
    let other = match runs.context.direction {
        _ if sites.other.is_empty() => none(),
        Direction::Noising => runs.corrupted(&sites.other),
        Direction::Denoising => runs.clean(&sites.other),
    };
    [other, if sites.means.is_empty() { none() } else { runs.mean_corrupted(&sites.means) }]
}

/// The cells of a finished batch that change a read position, and their last residual stream there
/// \[cells, prompts, `d_model`\].
fn at_read(done: &Batch, read: i64) -> Option<(Vec<usize>, Tensor)> {
    let segments = done.layout.segments.iter().zip(done.layout.apart(&done.resid));
    let of_segment = |(segment, resid): (&Segment, Tensor)| {
        let place = segment.positions.iter().position(|pos| pos == read)?;
        Some((segment.cells.clone(), resid.select(2, length(place))))
    };
    let (cells, resid): (Vec<_>, Vec<_>) = segments.filter_map(of_segment).unzip();
    (!cells.is_empty()).then(|| (cells.concat(), Tensor::cat(&resid, 0)))
}

/// \[prompts, pos, `d_model`\]
fn last_resid(run: &Activations, context: &SweepContext) -> Tensor {
    let (layer, component) = last_site(context.architecture.layers);
    run.get(layer, component)
}
