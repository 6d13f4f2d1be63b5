//! Why no worker computes a cell over some prompts.
//!
//! A tile may go over prompts of several parts of a sweep. A worker decides part by part which of the tile's cells it runs, so
//! that a cell may be computed over some of its tile's prompts and be a no-op over the others.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::causality::NoEffect;
use patchsweep_core::grid::Cell;
use patchsweep_core::part::Part;
use patchsweep_core::paths::Path;
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_plan::Plan;

use super::cell::CellAddress;

/// Most different reasons that are reported.
const MOST_REASONS: usize = 3;

/// How many prompts no worker computes a cell over, and why.
///
/// `tiles`: those that it is in; `is_off`: its features are active in no run of other prompts.
pub(super) fn noop(plan: &Plan, address: &CellAddress, tiles: &[&Tile], is_off: bool) -> (u32, Option<String>) {
    let context = &plan.context;
    let mut reasons: BTreeMap<String, u32> = BTreeMap::new();
    let mut skipped = 0;
    // What holds in no replicate holds in the first one.
    let first = address.iteration * context.replicates;
    for part in context.parts() {
        let own = &part.context;
        let cell = own.grids[address.grid as usize].cell(address.place);
        let computed: Vec<Range<u32>> = tiles.iter().filter_map(|tile| computed(tile, &part, &cell)).collect();
        let is_computed = |prompt: &u32| computed.iter().any(|range| range.contains(prompt));
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

/// Prompts of a part, as it counts them, over which a tile's worker runs one of the tile's cells: all that the tile has of the
/// part, if it changes the score of one of them.
fn computed(tile: &Tile, part: &Part<'_>, cell: &Cell<'_>) -> Option<Range<u32>> {
    let context = &part.context;
    let has_effect = |prompt| !context.prompt_pair(tile.iteration, prompt).is_noop(cell, &context.architecture);
    let own = part.own(&tile.prompts);
    // A check runs no-ops too, to see that they are none by mistake; gradients are of all cells.
    let leaves_out = matches!(tile.work, TileWork::Patch { plain: false, .. });
    (!leaves_out || own.clone().any(has_effect)).then_some(own)
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
        NoEffect::NothingElse { pos } => format!(
            "all that position {pos} attends to in this layer would be knocked out; it would have nothing else to attend to, and is left as it is"
        ),
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
    use patchsweep_core::ids::TileId;
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

    /// Of a check, whose workers run every cell over these prompts of the first replicate.
    fn plain(address: &CellAddress, prompts: &[Range<u32>]) -> Vec<Tile> {
        let cells = std::iter::once(address.place..address.place + 1).collect();
        let work = TileWork::Patch { grid: address.grid, cells, plain: true };
        let tile = |prompts: &Range<u32>| Tile {
            id: TileId(0),
            iteration: address.iteration,
            prompts: prompts.clone(),
            work: work.clone(),
        };
        prompts.iter().map(tile).collect()
    }

    fn noop_but(plan: &Plan, address: &CellAddress, computed: &[Range<u32>]) -> (u32, Option<String>) {
        noop(plan, address, &plain(address, computed).iter().collect::<Vec<_>>(), false)
    }

    /// Of a cell that no tile computes over the first prompt only.
    fn why(component: Component, iteration: u32, prompt: u32, layer: u32, pos: u32) -> String {
        let plan = plan(component);
        let address = CellAddress { grid: 0, iteration, place: layer * 3 + pos };
        let others = [0..prompt, prompt + 1..plan.context.clean.prompts()];
        let (prompts, reason) = noop_but(&plan, &address, &others);
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
            noop_but(&plan, &address, std::slice::from_ref(&(1..5))).1.expect("a reason")
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
        let (prompts, reason) = noop_but(&plan, &address, std::slice::from_ref(&(0..1)));
        assert_eq!(prompts, 4);
        let reason = reason.expect("reasons");
        assert!(reason.contains("2 prompts: the corrupted prompt is the clean one"), "{reason}");
        assert!(reason.contains("1 prompts: position 0 comes before the first corrupted one, 1"), "{reason}");
        assert_eq!(noop_but(&plan, &address, std::slice::from_ref(&(0..5))), (0, None));
    }

    #[test]
    fn what_a_worker_leaves_out_of_a_tile_of_several_parts_is_not_computed() {
        const TOKENS: &str = r#"{"clean": [[1, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7]],
            "corrupted": [[[0, 2, 3], [4, 5, 6, 7], [4, 5, 0, 7]]], "answers": [[1], [2], [1]]}"#;
        let spec = fixtures::SPEC
            .replace("[[iteration]]\nread = 2\n[[iteration]]\nread = 1\n", "[[iteration]]\nread = \"end\"\n");
        let spec =
            spec.replace("axes = [\"layer\", \"pos\", \"head\"]", "axes = [\"layer\", \"pos\"]\npositions = [-3, -1]");
        let config =
            r#"{"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 4, "vocab_size": 10, "n_positions": 4}"#;
        let plan = fixtures::plan_of(&spec, config, TOKENS, PlanOptions::default());
        assert_eq!(plan.context.parts().count(), 2, "prompts of three and of four tokens");
        let explained = |place: u32| {
            let address = CellAddress { grid: 0, iteration: 0, place };
            let tiles = super::super::tiles_of(&plan, &address);
            assert!(tiles.iter().all(|tile| tile.prompts == (0..3)), "{tiles:?}");
            (tiles.len(), noop(&plan, &address, &tiles, false))
        };
        // In layer 0 the third last position is not before the corrupted one in the prompt of three tokens only.
        let why = "1 prompts: position 1 comes before the first corrupted one, 2, so both runs have the same there; \
                   1 prompts: the corrupted prompt is the clean one";
        assert_eq!(explained(0), (1, (2, Some(why.to_owned()))));
        // The last position is not before it in any part, so that all of them are run, the prompt that is not corrupted too.
        assert_eq!(explained(1), (1, (0, None)));
    }
}
