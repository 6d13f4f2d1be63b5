//! Random sweeps over prompts that differ in their lengths and positions.

use std::collections::BTreeMap;
use std::sync::Arc;

use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::grid::PatchValue;
use patchsweep_core::groups::{Group, Groups, Spot};
use patchsweep_core::length;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tokens::TokenMatrix;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::model::{Kind, models};
use super::scenario::{Cut, Scenario, Sizes, Topic, contexts, cuts};
use super::sweep::SMALL_TILES;

/// How a group's prompts have the spots.
#[derive(Clone, Debug)]
struct DrawnGroup {
    tokens: u32,
    /// A position for each spot, no two alike.
    alone: Vec<u32>,
    /// Further positions of each spot, where it may have several.
    more: Vec<Vec<u32>>,
}

fn group(positions: u32, spots: u32) -> impl Strategy<Value = DrawnGroup> {
    (spots..=positions).prop_flat_map(move |tokens| {
        let all: Vec<u32> = (0..tokens).collect();
        let alone = subsequence(all.clone(), spots as usize).prop_shuffle();
        let some =
            prop_oneof![3 => Just(Vec::new()), 1 => subsequence(all.clone(), 0..=tokens as usize), 1 => Just(all)];
        (Just(tokens), alone, vec(some, spots as usize)).prop_map(|(tokens, alone, more)| DrawnGroup {
            tokens,
            alone,
            more,
        })
    })
}

/// Most groups of prompts.
pub(crate) const GROUPS: usize = 4;

/// Cases about a topic, over some groups of prompts, of which a tile may have several.
pub(crate) fn scenarios(kind: Kind, topic: Topic) -> impl Strategy<Value = Scenario> {
    (3..=9u32, 2..=5u32, 1..=5u32).prop_flat_map(move |(positions, spots, prompts)| {
        let spots = spots.min(positions);
        models(kind, topic.component, positions).prop_flat_map(move |model| {
            let architecture = model.architecture();
            let sizes = Sizes { d_vocab: architecture.d_vocab, positions, listed: spots, prompts };
            let cuts = cuts(prompts, &architecture);
            let prompts_of_group = prop_oneof![3 => Just(1), 1 => 2..=3u32];
            let groups = vec((group(positions, spots), prompts_of_group), GROUPS);
            let numbers = Just((0..prompts).collect::<Vec<_>>()).prop_shuffle();
            let cuts = (cuts, any::<bool>());
            (Just(model), contexts(architecture, sizes, topic), cuts, groups, numbers).prop_map(
                |(model, context, (cut, is_whole), drawn, numbers)| {
                    let context = in_groups(context, drawn, numbers);
                    let prompts = if is_whole { Vec::new() } else { cut.prompts };
                    let cut = Cut { prompts, ..cut };
                    Scenario { model, context, cut }
                },
            )
        })
    })
}

/// How many groups the tile has prompts of that has most of them.
pub(crate) fn groups_of_a_tile(scenario: &Scenario) -> usize {
    let Scenario { context, cut, .. } = scenario;
    let ends = cut.prompts.iter().copied().chain([context.clean.prompts()]);
    let starts = std::iter::once(0).chain(cut.prompts.iter().copied());
    starts.zip(ends).map(|(start, end)| context.parts_of(&(start..end)).len()).max().unwrap_or(0)
}

/// Whether no two groups have prompts that are equal as far as they are run: a worker runs them once, which no plan looks for.
pub(crate) fn runs_are_apart(context: &SweepContext) -> bool {
    let mut parts_of_runs: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
    context.parts().all(|part| {
        let own = &part.context;
        let ends = own.iterations.iter().map(|iteration| iteration.last_read().unwrap_or(0) + 1);
        let corrupted = own.iterations.iter().map(|iteration| &iteration.corrupted).zip(ends);
        let runs = corrupted.chain([(&own.clean, own.last_read() + 1)]);
        let mut rows = runs.flat_map(|(tokens, end)| {
            (0..tokens.prompts()).map(move |prompt| tokens.row(prompt)[..end as usize].to_vec())
        });
        rows.all(|row| *parts_of_runs.entry(row).or_insert(part.first) == part.first)
    })
}

/// Ways of planning a sweep whose tiles have prompts of more groups or of fewer.
pub(crate) const PLANS: [PlanOptions; 3] = [
    SMALL_TILES,
    PlanOptions { tile_multiply_adds: Some(200_000), tile_prompts: Some(4), for_gpus: false },
    PlanOptions { tile_multiply_adds: None, tile_prompts: None, for_gpus: false },
];

/// The sweep, whose positions are spots, over shorter prompts; where a mean is taken, over prompts of one length.
fn in_groups(context: SweepContext, drawn: Vec<(DrawnGroup, u32)>, numbers: Vec<u32>) -> SweepContext {
    let prompts = context.clean.prompts();
    let means = context.grids.iter().any(|grid| grid.writes_value(PatchValue::Mean));
    let is_read = |spot: u32| context.iterations.iter().any(|iteration| iteration.reads.contains(&spot));
    let mut groups: Vec<Group> = Vec::new();
    let mut left = prompts;
    let last = drawn.len() - 1;
    for (index, (group, wanted)) in drawn.into_iter().enumerate() {
        let own = if index == last { left } else { wanted.min(left) };
        left -= own;
        let spot = |(spot, (&alone, more)): (u32, (&u32, &Vec<u32>))| {
            let mut all = if is_read(spot) { vec![alone] } else { [vec![alone], more.clone()].concat() };
            all.sort_unstable();
            all.dedup();
            all
        };
        let spots = (0..).zip(group.alone.iter().zip(&group.more)).map(spot).collect();
        let tokens = if means { context.clean.positions() } else { group.tokens };
        if own > 0 {
            groups.push(Group { prompts: own, tokens, spots });
        }
    }
    let lengths: Vec<u32> =
        groups.iter().flat_map(|group| std::iter::repeat_n(group.tokens, group.prompts as usize)).collect();
    let cut = |tokens: &TokenMatrix| {
        let row = |(prompt, &length): (u32, &u32)| tokens.row(prompt)[..length as usize].to_vec();
        TokenMatrix::from_any_rows(&(0..).zip(&lengths).map(row).collect::<Vec<_>>()).expect("rows")
    };
    let names = 0..length(groups[0].spots.len());
    let spots: Vec<Spot> = names.map(|spot| Spot { name: format!("spot{spot}"), number: None }).collect();
    let shared: Arc<[Spot]> = spots.clone().into();
    SweepContext {
        iterations: context
            .iterations
            .into_iter()
            .map(|iteration| Iteration { corrupted: cut(&iteration.corrupted), ..iteration })
            .collect(),
        grids: context.grids.into_iter().map(|grid| grid.over_spots(shared.clone())).collect(),
        clean: cut(&context.clean),
        groups: Groups { spots, groups, numbers },
        ..context
    }
}
