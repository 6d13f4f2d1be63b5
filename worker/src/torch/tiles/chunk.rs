//! Some prompts of a tile, of one part of the sweep.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use patchsweep_core::causality::PromptPair;
use patchsweep_core::context::{Direction, Iteration, SweepContext};
use tch::Tensor;

use crate::torch::dictionary::DictionaryTensors;
use crate::torch::model::exec::Exec;
use crate::torch::positions::Positions;
use crate::torch::runs::activations::{ActivationCache, Activations};
use crate::torch::runs::cached::Runs;
use crate::torch::runs::recorder::Site;
use crate::torch::runs::sites::{Sites, last_site};
use crate::torch::score::metrics::{Scorer, Scoring, Waiting};
use crate::torch::score::run_scores::RunScores;
use crate::torch::score::token_sets::Sides;

/// Some prompts of one part and iteration, few enough for their activations to fit the memory.
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
    pub(crate) fn runs<'r>(&'r self, cache: &'r mut ActivationCache) -> Runs<'r> {
        let &Self { context, whole, exec, iteration, ref prompts, kept, batch_rows, kept_bytes, .. } = self;
        Runs { context, whole, exec, iteration, prompts: prompts.clone(), cache, kept, batch_rows, kept_bytes }
    }

    pub(crate) fn reads(&self) -> Positions {
        Positions::new(self.iteration().reads.iter().map(|&read| read.into()))
    }

    pub(crate) fn last_read(&self) -> i64 {
        self.iteration().last_read().expect("an iteration reads a position").into()
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

    pub(super) fn pairs(&self) -> impl Iterator<Item = PromptPair<'_>> {
        self.prompts.clone().map(|prompt| self.context.prompt_pair(self.iteration, prompt))
    }
}

/// Metrics of the clean and of the corrupted run of each chunk.
pub(crate) fn baselines(chunks: &[Chunk<'_>], cache: &mut ActivationCache) -> Vec<[Scores; 2]> {
    let runs = |chunk: &Chunk<'_>| {
        let last = BTreeSet::from([last_site(chunk.context.architecture.layers)]);
        let mut runs = chunk.runs(cache);
        // The corrupted run makes the clean one with all that it needs of it; the other way round it may be made twice.
        let corrupted = runs.corrupted(&last);
        (runs.clean(&last), corrupted)
    };
    let (clean, corrupted): (Vec<Activations>, Vec<Activations>) = chunks.iter().map(runs).unzip();
    let scorers: Vec<_> = chunks.iter().zip(&clean).map(|(chunk, clean)| chunk.scorers(clean)).collect();
    let of_runs = |runs: &[Activations]| {
        unpatched(chunks.iter().zip(runs).zip(&scorers).map(|((chunk, run), scorers)| (chunk, run, scorers.as_slice())))
    };
    let (clean, corrupted) = (of_runs(&clean), of_runs(&corrupted));
    let mut by_read = Waiting::arrived(clean.iter().chain(&corrupted));
    let (corrupted, clean) = (by_read.split_off(clean.len()), by_read);
    let both = run_scores(&clean, chunks).into_iter().zip(run_scores(&corrupted, chunks));
    both.map(|(clean, corrupted)| [clean, corrupted].map(|run| run.averaged())).collect()
}

/// Metrics of runs without a patch, at least one, each of a chunk and with its scorers: one for each read position.
pub(crate) fn unpatched<'c, 's: 'c>(
    runs: impl Iterator<Item = (&'c Chunk<'c>, &'c Activations, &'c [Scorer<'s>])>,
) -> Vec<Waiting> {
    let runs: Vec<_> = runs.map(|(chunk, run, scorers)| (chunk, last_resid(run, chunk.context), scorers)).collect();
    let at = |place: usize| {
        let scoring = |(chunk, resid, scorers): &(&Chunk<'_>, Tensor, &'c [Scorer<'s>])| {
            let read = chunk.iteration().reads[place];
            Scoring { scorer: &scorers[place], resid: resid.select(1, read.into()).unsqueeze(0), like: None }
        };
        Waiting::of(&runs.iter().map(scoring).collect::<Vec<_>>())
    };
    (0..runs[0].2.len()).map(at).collect()
}

/// What runs without a patch have scored, of one run for each chunk. `by_read`: at each read position what each run has
/// \[metrics, prompts\].
pub(crate) fn run_scores(by_read: &[Vec<Vec<f32>>], chunks: &[Chunk<'_>]) -> Vec<RunScores> {
    let of_run = |(place, chunk): (usize, &Chunk<'_>)| {
        let by_read: Vec<&[f32]> = by_read.iter().map(|runs| runs[place].as_slice()).collect();
        RunScores::new(&by_read, chunk.prompts.len())
    };
    chunks.iter().enumerate().map(of_run).collect()
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

/// \[prompts, pos, `d_model`\]
pub(super) fn last_resid(run: &Activations, context: &SweepContext) -> Tensor {
    let (layer, component) = last_site(context.architecture.layers);
    run.get(layer, component)
}
