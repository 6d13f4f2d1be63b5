//! A random sweep of several grids, as a person may write it, and how its tiles come in.

use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::grid::{Component, PatchValue};
use patchsweep_core::length;
use patchsweep_core::model::Dtype;
use patchsweep_core::part::Part;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::iterations::Corruption;
use super::super::model::{Kind, ModelDraw, models};
use super::super::scenario::{LITTLE, Sizes, contexts_over};
use super::grids::grids;
use super::meant::{Drawn, meant};

/// What a case's positions and scores are like; everything else is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Prompts of one length, positions by their numbers.
    Numbers,
    /// The same, and the effects of one grid are estimated, so that none are kept of single prompts.
    Estimated,
    /// Prompts of any lengths, positions counted from the end.
    FromEnd,
}

impl Form {
    pub(super) const ALL: [Self; 3] = [Self::Numbers, Self::Estimated, Self::FromEnd];
}

/// A case.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) model: ModelDraw,
    /// Of its weights, which are computed with as float32.
    pub(super) stored: Dtype,
    /// What the sweep comes to, prompts in the order of the dataset; where prompts differ in length each is a group of its own.
    pub(super) context: SweepContext,
    pub(super) notation: Notation,
    pub(super) delivery: Delivery,
}

/// How positions and other indices are written.
#[derive(Clone, Debug)]
pub(super) struct Notation {
    /// How far from the last token each spot is; none where positions are numbers.
    pub(super) from_end: Vec<u32>,
    /// `end` and what is before it, in place of negative numbers.
    pub(super) in_words: bool,
    /// Of the order of lists, and of which of several spellings is taken.
    pub(super) seed: u64,
}

/// How the tiles' scores come to the coordinator.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    /// Tiles that a worker holds at once, of which it reports any next.
    pub(super) credit: u32,
    /// Results after which the coordinator is killed, if it is.
    pub(super) killed_after: Option<u32>,
    /// Bytes that the engine may take.
    pub(super) memory_budget: u64,
    /// Of the order of tiles, and of which come twice.
    pub(super) seed: u64,
}

/// Cases of a form; a failing one is made smaller in its sizes, axes and positions.
pub(super) fn cases(kind: Kind, form: Form) -> impl Strategy<Value = Case> {
    cases_of(kind, form, |model| model)
}

/// The same of models that are changed.
pub(super) fn cases_of(kind: Kind, form: Form, changed: fn(ModelDraw) -> ModelDraw) -> impl Strategy<Value = Case> {
    (3..=6u32, 2..=4u32, 1..=5u32).prop_flat_map(move |(positions, spots, prompts)| {
        let listed = if form == Form::FromEnd { spots.min(positions) } else { positions };
        let model = models(kind, Component::Z, positions).prop_map(changed);
        (model, drawn(form, listed, positions, prompts)).prop_flat_map(move |(model, drawn)| {
            let architecture = model.architecture();
            let sizes = Sizes { d_vocab: architecture.d_vocab, positions, listed, prompts };
            let grids = grids(architecture.clone(), listed, form).boxed();
            let context = contexts_over(architecture, sizes, drawn.direction, drawn.corruption, grids);
            let stored = select(vec![Dtype::Float32, Dtype::Bfloat16, Dtype::Float16]);
            (Just(model), stored, context, Just(drawn), notations(form, listed), deliveries()).prop_filter_map(
                "an iteration corrupts nothing, estimates are nothing but rounding, or a knockout takes nothing",
                |(model, stored, context, drawn, notation, delivery)| {
                    let context = meant(context, &drawn, &notation.from_end);
                    let is_planned = is_corrupted(&context)
                        && context.vanishing_estimate().is_none()
                        && has_live_knockouts(&context);
                    is_planned.then_some(Case { model, stored, context, notation, delivery })
                },
            )
        })
    })
}

fn drawn(form: Form, listed: u32, positions: u32, prompts: u32) -> impl Strategy<Value = Drawn> {
    let lengths = match form {
        Form::FromEnd => vec(listed..=positions, prompts as usize).boxed(),
        Form::Numbers | Form::Estimated => Just(Vec::new()).boxed(),
    };
    let directions = select(vec![Direction::Noising, Direction::Denoising]);
    // A token file has no noise on tokens of its own.
    let corruptions = select(vec![Corruption::Noise, Corruption::Tokens, Corruption::FewTokens]);
    let numbers = (any::<[bool; 3]>(), any::<bool>(), 1..=3u32, any::<u32>().no_shrink());
    (lengths, directions, corruptions, numbers).prop_map(
        move |(lengths, direction, corruption, (normalize, per_prompt, replicates, seed))| Drawn {
            lengths,
            direction,
            corruption,
            normalize,
            per_prompt: per_prompt && form != Form::Estimated,
            replicates: if corruption == Corruption::Noise { replicates } else { 1 },
            seed: seed.into(),
        },
    )
}

fn notations(form: Form, listed: u32) -> impl Strategy<Value = Notation> {
    let offsets: Vec<u32> = (0..listed).collect();
    // Numbers alone ascend along an axis, whatever their order in the spec; words keep it.
    let ascending = offsets.iter().rev().copied().collect();
    let spots = match form {
        Form::FromEnd => {
            prop_oneof![Just((ascending, false)), Just(offsets).prop_shuffle().prop_map(|offsets| (offsets, true)),]
                .boxed()
        }
        Form::Numbers | Form::Estimated => Just((Vec::new(), false)).boxed(),
    };
    (spots, any::<u64>().no_shrink()).prop_map(|((from_end, in_words), seed)| Notation { from_end, in_words, seed })
}

fn deliveries() -> impl Strategy<Value = Delivery> {
    let killed_after = proptest::option::of(0..12u32);
    (1..=6u32, killed_after, select(vec![1 << 30, LITTLE]), any::<u64>().no_shrink())
        .prop_map(|(credit, killed_after, memory_budget, seed)| Delivery { credit, killed_after, memory_budget, seed })
}

/// Whether some cell of each grid of knockouts can change a score; the plan refuses others.
fn has_live_knockouts(context: &SweepContext) -> bool {
    let is_live = |part: &Part<'_>, index: usize| {
        let (own, model) = (&part.context, &part.context.architecture);
        let grid = &own.grids[index];
        let pairs: Vec<_> = (0..length(own.iterations.len()))
            .flat_map(|iteration| (0..own.clean.prompts()).map(move |prompt| own.prompt_pair(iteration, prompt)))
            .collect();
        (0..grid.cells()).any(|place| pairs.iter().any(|pair| !pair.is_noop(&grid.cell(place), model)))
    };
    let parts: Vec<Part<'_>> = context.parts().collect();
    let knockouts = context.grids.iter().enumerate().filter(|(_, grid)| grid.value == PatchValue::Knockout);
    knockouts.into_iter().all(|(index, _)| parts.iter().any(|part| is_live(part, index)))
}

/// Whether a prompt of each iteration is corrupted at or before the last position that is read; the plan refuses others.
fn is_corrupted(context: &SweepContext) -> bool {
    let parts: Vec<Part<'_>> = context.parts().collect();
    let in_part = |part: &Part<'_>, iteration: u32| {
        let own = &part.context;
        let last = own.iterations[iteration as usize].last_read();
        (0..own.clean.prompts())
            .filter_map(|prompt| own.prompt_pair(iteration, prompt).first_corrupted())
            .any(|first| Some(first) <= last)
    };
    (0..).take(context.iterations.len()).all(|iteration| parts.iter().any(|part| in_part(part, iteration)))
}
