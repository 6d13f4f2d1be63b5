//! Grids that choose their features.

use patchsweep_core::moments::Moments;
use patchsweep_plan::{Activity, Findings};

use crate::progress::Tally;

use super::*;

/// Position 0 has features 1 and 4 in iteration 0, position 1 feature 4 in iteration 1.
fn is_active(iteration: u32, cell: u32) -> bool {
    [(0, 1), (0, 4), (1, 10)].contains(&(iteration, cell))
}

fn asked(tile_prompts: Option<u32>) -> Plan {
    patchsweep_plan::fixtures::plan_of_features(PlanOptions { tile_multiply_adds: None, tile_prompts, for_gpus: false })
}

/// How active a tile's cells are: in the second half of its prompts only.
fn activities(tile: &Tile) -> TileScores {
    let count = u64::from(tile.prompts.end - tile.prompts.start);
    let (_, cells) = tile.work.cells().expect("cells");
    let score = |cell| {
        let mean = if tile.prompts.end == PROMPTS && is_active(tile.iteration, cell) { 0.25 } else { 0.0 };
        let moments = Moments { count, mean, m2: 0.0 };
        CellScore { value: moments, effect: moments }
    };
    TileScores { metrics: 1, scores: cells.iter().cloned().flatten().map(score).collect(), prompt_effects: Vec::new() }
}

fn outcome(plan: &Plan, tile: &Tile) -> TileOutcome {
    TileOutcome::Scores(if tile.is_activity() { activities(tile) } else { scores(plan, tile) })
}

/// The plan that its first tiles decide; `lost`: those that were given up.
fn chosen(plan: &Plan, lost: impl Fn(&Tile) -> bool) -> Plan {
    let mut found = Activities::new(plan);
    for tile in &plan.tiles {
        let scores = (tile.is_activity() && !lost(tile)).then(|| activities(tile));
        found.push(tile.id, scores.as_ref()).expect("in order");
    }
    let activity = found.finish().expect("all tiles");
    plan.extended(&Findings { estimates: vec![&[]], activity }).expect("few tiles")
}

fn merged_with(plan: &Plan, outcomes: impl Fn(&Tile) -> Option<TileOutcome>) -> GridScores {
    let tiles = plan
        .tiles
        .iter()
        .map(|tile| Ok::<_, Infallible>((tile.id, outcomes(tile).unwrap_or_else(|| outcome(plan, tile)))));
    let mut merged = merge(plan, tiles).expect("all tiles");
    merged.show_chosen_features(plan);
    merged.grids.remove(0)
}

#[test]
fn cells_of_active_features_are_computed_and_the_others_have_no_effect() {
    for tile_prompts in [None, Some(2)] {
        let plan = asked(tile_prompts);
        let waiting = merged_with(&plan, |_| None);
        assert_eq!(waiting.indices, [(0..3).collect::<Vec<_>>(), (0..6).collect()], "all, as long as none is chosen");
        // Position 2 is behind what iteration 1 reads.
        let wanted = [[CellStatus::Pending; 30].as_slice(), &[CellStatus::NoOp; 6]].concat();
        assert_eq!(waiting.status, wanted);

        let plan = chosen(&plan, |_| false);
        let grid = merged_with(&plan, |_| None);
        assert_eq!(grid.indices, [vec![0, 1, 2], vec![1, 4]]);
        let full = &plan.context.grids[0];
        for at in 0..12_u32 {
            let (iteration, pos, feature) = (at / 6, at / 2 % 3, [1, 4][at as usize % 2]);
            let place = pos * 6 + feature;
            let at = at as usize;
            assert_eq!(grid.count[at], u64::from(PROMPTS));
            if is_active(iteration, place) {
                assert_eq!(grid.status[at], CellStatus::Computed);
                let effects = (0..PROMPTS).map(|prompt| {
                    let (value, unpatched) = pass(&plan, iteration, place, prompt);
                    f64::from(value - unpatched)
                });
                let mean = effects.sum::<f64>() / f64::from(PROMPTS);
                assert!((f64::from(grid.effect[at]) - mean).abs() < 1e-3, "{at}");
                assert!(full.cell(place).positions() == [pos]);
            } else {
                assert_eq!((grid.status[at], grid.effect[at].to_bits()), (CellStatus::NoOp, 0), "{at}");
                assert!(grid.value[at].is_finite());
            }
        }
    }
}

#[test]
fn features_of_which_nobody_knows_are_in_the_results_and_have_failed() {
    let plan = asked(Some(2));
    let lost = |tile: &Tile| tile.is_activity() && tile.iteration == 0 && tile.prompts.start == 0;
    let plan = chosen(&plan, lost);
    let grid = merged_with(&plan, |tile| lost(tile).then_some(TileOutcome::GivenUp));
    assert_eq!(grid.indices[1], (0..6).collect::<Vec<_>>());
    for (place, status) in (0..).zip(&grid.status) {
        let (iteration, cell) = (place / 18, place % 18);
        let wanted = match iteration {
            _ if is_active(iteration, cell) => CellStatus::Computed,
            0 => CellStatus::Failed,
            _ => CellStatus::NoOp,
        };
        assert_eq!(*status, wanted, "iteration {iteration}, cell {cell}");
    }
    let status = |plan: &Plan| (plan.summarize().remove(0), Tally::new(plan).grids()[1].cells_noop);
    let (summary, noops) = status(&plan);
    assert_eq!((summary.noops, noops), (36 - 3 - 16, 36 - 3 - 16), "of 16 of iteration 0 nobody knows");
    // The sweep is resumed, and the tile computed after all: it is too late to choose what it finds.
    let late = merged_with(&plan, |_| None);
    assert_eq!(late.status, grid.status);
    assert!(late.effect.iter().zip(&grid.effect).all(|(late, before)| late.to_bits() == before.to_bits()));
}

#[test]
fn a_number_that_is_none_is_not_off() {
    let plan = asked(None);
    let mut found = Activities::new(&plan);
    for tile in &plan.tiles {
        let scores = tile.is_activity().then(|| {
            let mut scores = activities(tile);
            scores.scores[0].value.mean = f64::NAN;
            scores
        });
        found.push(tile.id, scores.as_ref()).expect("in order");
    }
    assert_eq!(found.finish().expect("all tiles")[0][0], Activity::On);
}

#[test]
fn what_is_active_is_known_from_all_tiles_in_their_order() {
    let plan = asked(None);
    let last = plan.tiles.last().expect("tiles").id;
    let mut found = Activities::new(&plan);
    assert_eq!(found.push(last, None), Err(MergeError::OutOfOrder { found: last, wanted: Some(TileId(0)) }));
    for tile in plan.tiles.iter().filter(|tile| tile.id != last) {
        found.push(tile.id, None).expect("in order");
    }
    assert_eq!(found.finish(), Err(MergeError::Missing { tile: last }));
}
