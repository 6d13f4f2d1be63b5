//! What a sweep comes to whose spec says more than a context that is drawn: replicates, lengths, scales.

use patchsweep_core::context::{Direction, Iteration, Noise, SweepContext};
use patchsweep_core::groups::{Group, Groups, Spot};
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::tokens::TokenMatrix;

use super::super::iterations::Corruption;

/// What is drawn of a sweep beside its context.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    /// Of the prompts, where they may differ.
    pub(super) lengths: Vec<u32>,
    pub(super) direction: Direction,
    pub(super) corruption: Corruption,
    /// Of the first metrics.
    pub(super) normalize: [bool; 3],
    pub(super) per_prompt: bool,
    pub(super) replicates: u32,
    /// Of noise.
    pub(super) seed: u64,
}

/// The sweep of the drawn context, prompts in the order of the dataset.
///
/// `from_end`: how far from the last token each spot is; none where positions are numbers.
pub(super) fn meant(context: SweepContext, drawn: &Drawn, from_end: &[u32]) -> SweepContext {
    let has_wrong_answers = context.metrics.iter().any(|metric| metric.kind == MetricKind::LogitDiff);
    let wrong_answers =
        |iteration: &Iteration| if has_wrong_answers { other_than_right(iteration, &context) } else { Vec::new() };
    let scale = context.iterations.iter().find_map(|iteration| Some(iteration.noise.as_ref()?.scale));
    let iterations = (0..).zip(&context.iterations).flat_map(|(index, iteration)| {
        let iteration = Iteration { wrong_answers: wrong_answers(iteration), ..iteration.clone() };
        replicates(&iteration, index, scale, drawn)
    });
    let iterations = iterations.collect();
    let metrics = context.metrics.into_iter().zip(drawn.normalize);
    let context = SweepContext {
        iterations,
        metrics: metrics.map(|(metric, normalize)| Metric { normalize, ..metric }).collect(),
        per_prompt: drawn.per_prompt,
        replicates: drawn.replicates,
        ..context
    };
    if from_end.is_empty() { context } else { of_lengths(context, &drawn.lengths, from_end) }
}

/// The wrong answers, another token where one is the right answer, which is refused.
fn other_than_right(iteration: &Iteration, context: &SweepContext) -> Vec<u32> {
    let pairs = iteration.answers.iter().zip(&iteration.wrong_answers);
    let next = |wrong: u32| (wrong + 1) % context.architecture.d_vocab;
    pairs.map(|(&right, &wrong)| if right == wrong { next(wrong) } else { wrong }).collect()
}

/// As often as there are replicates. Seeds count up from replicate to replicate and from iteration to iteration.
fn replicates(iteration: &Iteration, index: u64, scale: Option<f32>, drawn: &Drawn) -> Vec<Iteration> {
    let replicate = |replicate: u32| {
        let noise = iteration.noise.as_ref().zip(scale).map(|(noise, scale)| Noise {
            positions: noise.positions.clone(),
            scale,
            seed: drawn.seed + index + u64::from(replicate),
        });
        Iteration { noise, ..iteration.clone() }
    };
    (0..drawn.replicates).map(replicate).collect()
}

/// The same over prompts that are cut to their lengths, each a group of its own.
fn of_lengths(context: SweepContext, lengths: &[u32], from_end: &[u32]) -> SweepContext {
    let cut = |tokens: &TokenMatrix| {
        let row = |(prompt, &length): (u32, &u32)| tokens.row(prompt)[..length as usize].to_vec();
        TokenMatrix::from_any_rows(&(0..).zip(lengths).map(row).collect::<Vec<_>>()).expect("rows")
    };
    let iterations = context.iterations.iter();
    let iterations =
        iterations.map(|iteration| Iteration { corrupted: cut(&iteration.corrupted), ..iteration.clone() }).collect();
    let group = |&tokens: &u32| {
        let spots = from_end.iter().map(|behind| vec![tokens - 1 - behind]).collect();
        Group { prompts: 1, tokens, spots }
    };
    let spot = |behind: &u32| Spot { name: format!("{behind} from the end"), number: None };
    let groups = Groups {
        spots: from_end.iter().map(spot).collect(),
        groups: lengths.iter().map(group).collect(),
        numbers: Vec::new(),
    };
    SweepContext { clean: cut(&context.clean), iterations, groups, ..context }
}
