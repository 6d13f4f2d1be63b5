use std::collections::BTreeSet;

use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::Tile;

use super::origins::ranges;
use super::*;
use crate::{Activity, Findings, fixtures};

/// Two iterations, 24 cells each, 10 of all 48 no-ops; cut into many tiles and three ranges of prompts.
fn plan() -> Plan {
    fixtures::plan(PlanOptions { tile_multiply_adds: Some(3000), tile_prompts: Some(2), for_gpus: false })
}

fn check_of(cells: u32, seed: u64) -> CheckOf {
    CheckOf { sweep: SweepId("merge-1".into()), cells, seed }
}

/// Iteration and cell of each tile's cells.
fn cells(plan: &Plan) -> BTreeSet<(u32, u32)> {
    let of_tile =
        |tile: &Tile| ranges(tile).iter().cloned().flatten().map(|cell| (tile.iteration, cell)).collect::<Vec<_>>();
    plan.tiles.iter().flat_map(of_tile).collect()
}

#[test]
fn drawn_cells_are_computed_plainly_over_all_prompts() {
    let plan = plan();
    let check = plan.check(check_of(6, 1));
    assert_eq!((check.digest, check.name.as_str()), (plan.digest, "merge check"));
    assert!(check.tiles.iter().all(Tile::is_plain) && check.costs.len() == check.tiles.len());
    assert!((0..).zip(&check.tiles).all(|(id, tile)| tile.id == TileId(id)));
    for cell in cells(&check) {
        let of_cell =
            |tile: &&Tile| tile.iteration == cell.0 && ranges(tile).iter().any(|range| range.contains(&cell.1));
        let prompts: Vec<u32> = check.tiles.iter().filter(of_cell).flat_map(|tile| tile.prompts.clone()).collect();
        assert_eq!(prompts, [0, 1, 2, 3, 4], "{cell:?}");
    }
}

#[test]
fn both_iterations_give_cells_and_noops() {
    let plan = plan();
    let live = cells(&plan);
    let drawn = cells(&plan.check(check_of(6, 1)));
    for iteration in 0..2 {
        let of_iteration =
            |wanted: bool| drawn.iter().filter(|cell| cell.0 == iteration && live.contains(cell) == wanted).count();
        assert!(of_iteration(true) >= 1 && of_iteration(false) >= 1, "iteration {iteration}: {drawn:?}");
    }
    assert!(drawn.intersection(&live).count() >= 6);
}

#[test]
fn the_seed_decides_which() {
    let drawn = |seed| cells(&plan().check(check_of(6, seed)));
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn all_can_be_drawn_and_every_tile_repeats_cells_of_one() {
    let plan = plan();
    let check = plan.check(check_of(1000, 1));
    assert_eq!(cells(&check).len(), 24, "12 cells in each iteration");
    let origins = Origins::of(&plan);
    for tile in &check.tiles {
        let of_cell = |cell| origins.tile(tile, 0, Score::Effect, cell);
        let from: BTreeSet<TileId> = ranges(tile).iter().cloned().flatten().filter_map(of_cell).collect();
        assert!(from.len() <= 1, "{tile:?} repeats {from:?}");
    }
}

#[test]
fn estimates_are_drawn_beside_effects_and_noops_and_repeat_tiles_that_estimated() {
    let spec =
        fixtures::SPEC.replace("axes", "estimate = \"integrated\"\nsteps = 3\nverify = { top = 2, sample = 1 }\naxes");
    let options = PlanOptions { tile_multiply_adds: Some(3000), tile_prompts: Some(2), for_gpus: false };
    let findings = Findings { estimates: vec![&[0.5; 24]], activity: vec![Vec::new()] };
    let plan = fixtures::plan_from(&spec, options).extended(&findings).expect("few tiles");
    let check = plan.check(check_of(6, 1));
    assert!(check.tiles.iter().all(Tile::is_plain) && !check.awaits_choice());
    let origins = Origins::of(&plan);
    for (score, is_wanted) in [(Score::Effect, false), (Score::Estimate, true)] {
        let own = || check.tiles.iter().filter(|tile| tile.is_estimate() == is_wanted);
        assert!((0..2).all(|iteration| own().any(|tile| tile.iteration == iteration)), "{score:?}");
        for tile in own() {
            let of_cell = |cell| origins.tile(tile, 0, score, cell);
            let from: BTreeSet<TileId> = ranges(tile).iter().cloned().flatten().filter_map(of_cell).collect();
            assert!(from.len() <= 1, "{tile:?} repeats {from:?}");
            assert!(from.iter().all(|id| plan.tiles[id.0 as usize].is_estimate() == is_wanted));
        }
    }
    // Two passes for each of three points, and two of the runs themselves.
    let cost = |is_estimate: bool| {
        let tile = check.tiles.iter().position(|tile| tile.is_estimate() == is_estimate).expect("a tile");
        (check.costs[tile], check.tiles[tile].cell_count() as u64)
    };
    let ((effects, each), (estimates, points)) = (cost(false), cost(true));
    assert_eq!(effects / (each + 2), estimates / (6 * points + 2));
}

#[test]
fn a_check_is_another_sweep_than_what_it_checks_and_than_other_checks() {
    let plan = plan();
    let identities = [
        plan.identity(),
        plan.check(check_of(6, 1)).identity(),
        plan.check(check_of(6, 2)).identity(),
        plan.check(check_of(7, 1)).identity(),
    ];
    assert_eq!(identities.iter().map(|digest| digest.0).collect::<BTreeSet<_>>().len(), 4);
}

#[test]
fn a_check_counts_only_what_it_drew() {
    let check = plan().check(check_of(6, 1));
    let summary = check.summarize().remove(0);
    assert_eq!((summary.cells, summary.noops), (cells(&check).len() as u64, 0));
}

#[test]
fn features_that_are_off_are_noops_once_that_is_known() {
    let plan = fixtures::plan_of_features(PlanOptions::default());
    let drawn = |plan: &Plan| {
        let check = plan.check(check_of(1000, 1));
        assert!(check.tiles.iter().all(Tile::is_plain) && !check.awaits_choice());
        cells(&check).len()
    };
    assert_eq!(drawn(&plan), 0, "nobody knows which are off");
    let activity = (0..36).map(|cell| if cell % 5 == 0 { Activity::On } else { Activity::Off }).collect();
    let findings = Findings { estimates: vec![&[]], activity: vec![activity] };
    let chosen = plan.extended(&findings).expect("few tiles");
    assert_eq!(drawn(&chosen), 36, "18 cells in each iteration");
    assert!(cells(&chosen.check(check_of(2, 1))).len() > 2, "no-ops beside cells that were computed");
}
