//! Why no worker computes a cell over some prompts.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::causality::NoEffect;
use patchsweep_core::grid::Cell;
use patchsweep_core::paths::Path;
use patchsweep_plan::Plan;

use super::cell::CellAddress;

/// Most different reasons that are reported.
const MOST_REASONS: usize = 3;

/// How many prompts no tile computes a cell over, and why.
///
/// `computed`: prompts of the tiles that it is in; `is_off`: its features are active in no run of these prompts.
pub(super) fn noop(plan: &Plan, address: &CellAddress, computed: &[Range<u32>], is_off: bool) -> (u32, Option<String>) {
    let context = &plan.context;
    let mut reasons: BTreeMap<String, u32> = BTreeMap::new();
    let mut skipped = 0;
    // What holds in no replicate holds in the first one.
    let first = address.iteration * context.replicates;
    for part in context.parts() {
        let own = &part.context;
        let cell = own.grids[address.grid as usize].cell(address.place);
        let is_computed = |prompt: &u32| computed.iter().any(|range| range.contains(&(part.first + prompt)));
        for prompt in (0..own.clean.prompts()).filter(|prompt| !is_computed(prompt)) {
            skipped += 1;
            let reads = &own.iterations[first as usize].reads;
            let reason = match own.prompt_pair(first, prompt).first_change(&cell, &own.architecture) {
                Err(reason) => described(reason, &cell, reads),
                Ok(_) if is_off => "its features are active in the clean and the corrupted run of no prompt".to_owned(),
                Ok(_) => continue,
            };
            *reasons.entry(reason).or_default() += 1;
        }
    }
    let mut reasons: Vec<(String, u32)> = reasons.into_iter().collect();
    reasons.sort_by(|(_, a), (_, b)| b.cmp(a));
    let why = match reasons.as_slice() {
        [] => None,
        [(reason, _)] => Some(reason.clone()),
        several => {
            let each =
                several.iter().take(MOST_REASONS).map(|(reason, prompts)| format!("{prompts} prompts: {reason}"));
            Some(each.collect::<Vec<_>>().join("; "))
        }
    };
    (skipped, why)
}

/// Why a patch of this cell has no effect on one prompt.
fn described(reason: NoEffect, cell: &Cell<'_>, reads: &[u32]) -> String {
    if let Some(path) = cell.path() {
        return of_path(reason, &path, reads);
    }
    if cell.has_several_writes() {
        let alone = of_one(reason, "what is written", reads);
        return format!(
            "none of its {} writes changes anything; of the one that comes closest, {alone}",
            cell.writes().count()
        );
    }
    of_one(reason, cell.component().name(), reads)
}

/// Why a path has none.
fn of_path(reason: NoEffect, path: &Path<'_>, reads: &[u32]) -> String {
    let receiver = path.to.name();
    match reason {
        NoEffect::NotRead { pos } if path.to.component.is_none() => {
            format!("the logits of position {pos} are not read (only those of {} are)", text(reads))
        }
        NoEffect::NotRead { .. } | NoEffect::AttendsToItself => of_one(reason, receiver, reads),
        NoEffect::BehindReceivers => {
            let (sender, layer) = (path.cell.component(), path.cell.layer());
            format!("{sender} of layer {layer} comes behind what it would be received by: {}", path.words())
        }
        _ => of_one(reason, path.cell.component().name(), reads),
    }
}

/// Why a write has no effect.
fn of_one(reason: NoEffect, component: &str, reads: &[u32]) -> String {
    match reason {
        NoEffect::Nothing => "nothing is patched that is read".to_owned(),
        NoEffect::BehindReceivers => "the sender comes behind its receivers".to_owned(),
        NoEffect::NotReceived { pos } => {
            format!("nothing is received at position {pos}, and what a sender changes there reaches no other position")
        }
        NoEffect::BehindReads { pos, last_read } => {
            format!("position {pos} comes after the last read position, {last_read}")
        }
        NoEffect::NotRead { pos } => format!(
            "in the last layer {component} acts on its own position only, and position {pos} is not read (only {} is)",
            text(reads)
        ),
        NoEffect::InFuture { pos, source } => {
            format!("position {pos} does not attend to position {source}, which comes after it")
        }
        NoEffect::BeforeWindow { pos, source } => {
            format!("position {pos} does not attend to position {source}, which comes before its window in this layer")
        }
        NoEffect::Uncorrupted => "the corrupted prompt is the clean one".to_owned(),
        NoEffect::CorruptedBehindReads { first, last_read } => {
            format!("the prompts differ from position {first} on only, after the last read position, {last_read}")
        }
        NoEffect::BeforeCorrupted { pos, first } => {
            format!("position {pos} comes before the first corrupted one, {first}, so both runs have the same there")
        }
        NoEffect::AttendsToItself => {
            "position 0 attends to itself alone, with probability 1 whatever is patched".to_owned()
        }
        NoEffect::SameToken { pos } => {
            format!("position {pos} has the same token in both runs, and nothing else decides {component} in layer 0")
        }
    }
}

fn text(numbers: &[u32]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use patchsweep_core::grid::{Axis, Component, Grid};
    use patchsweep_core::paths::{Mlps, Norms, Receivers};
    use patchsweep_core::status::PlanOptions;
    use patchsweep_plan::fixtures;

    use super::*;

    /// The example with another component, patched by position.
    fn plan(component: Component) -> Plan {
        let mut plan = fixtures::plan(PlanOptions::default());
        let context = Arc::make_mut(&mut plan.context);
        let axes = vec![Axis::Layer, Axis::Pos];
        context.grids[0] = Grid::new("g".into(), component, axes, &context.architecture, 3).expect("a grid");
        plan
    }

    /// Of a cell that no tile computes over the first prompt only.
    fn why(component: Component, iteration: u32, prompt: u32, layer: u32, pos: u32) -> String {
        let plan = plan(component);
        let address = CellAddress { grid: 0, iteration, place: layer * 3 + pos };
        let others = [0..prompt, prompt + 1..plan.context.clean.prompts()];
        let (prompts, reason) = noop(&plan, &address, &others, false);
        assert_eq!(prompts, 1);
        reason.expect("a reason")
    }

    #[test]
    fn the_reason_is_the_one_by_which_causality_knows() {
        // Iteration 1 reads position 1.
        let after = why(Component::ResidPre, 1, 0, 0, 2);
        assert_eq!(after, "position 2 comes after the last read position, 1");
        // Prompt 3 of iteration 0 is corrupted at position 1, prompt 1 not at all.
        let before = why(Component::ResidPre, 0, 3, 0, 0);
        assert_eq!(before, "position 0 comes before the first corrupted one, 1, so both runs have the same there");
        assert_eq!(why(Component::ResidPre, 0, 1, 1, 2), "the corrupted prompt is the clean one");
        let own = why(Component::Z, 0, 0, 1, 0);
        assert_eq!(own, "in the last layer z acts on its own position only, and position 0 is not read (only 2 is)");
        let embedding = why(Component::ResidPre, 0, 0, 0, 1);
        assert_eq!(
            embedding,
            "position 1 has the same token in both runs, and nothing else decides resid_pre in layer 0"
        );
        let behind = why(Component::ResidPre, 1, 4, 0, 1);
        assert_eq!(behind, "the prompts differ from position 2 on only, after the last read position, 1");
    }

    #[test]
    fn a_path_says_which_of_its_ends_makes_it_nothing() {
        let why = |component: Option<Component>, layer: u32, pos: u32| {
            let mut plan = plan(Component::Z);
            let context = Arc::make_mut(&mut plan.context);
            let heads = if component.is_some() { BTreeMap::from([(1, vec![0])]) } else { BTreeMap::new() };
            let to = Receivers {
                component,
                places: heads,
                positions: vec![0, 1, 2],
                mlps: Mlps::Live,
                norms: Norms::Recomputed,
                apart: false,
            };
            context.grids[0] = context.grids[0].clone().with_paths_to(to, &context.architecture, 3).expect("paths");
            let address = CellAddress { grid: 0, iteration: 0, place: layer * 3 + pos };
            noop(&plan, &address, std::slice::from_ref(&(1..5)), false).1.expect("a reason")
        };
        assert_eq!(why(Some(Component::K), 1, 2), "z of layer 1 comes behind what it would be received by: k 1.0");
        let own = "in the last layer q acts on its own position only, and position 1 is not read (only 2 is)";
        assert_eq!(why(Some(Component::Q), 0, 1), own);
        assert_eq!(why(None, 0, 1), "the logits of position 1 are not read (only those of 2 are)");
    }

    #[test]
    fn prompts_with_different_reasons_are_counted() {
        let plan = plan(Component::ResidPre);
        let address = CellAddress { grid: 0, iteration: 0, place: 0 };
        let (prompts, reason) = noop(&plan, &address, std::slice::from_ref(&(0..1)), false);
        assert_eq!(prompts, 4);
        let reason = reason.expect("reasons");
        assert!(reason.contains("2 prompts: the corrupted prompt is the clean one"), "{reason}");
        assert!(reason.contains("1 prompts: position 0 comes before the first corrupted one, 1"), "{reason}");
        assert_eq!(noop(&plan, &address, std::slice::from_ref(&(0..5)), false), (0, None));
    }
}
