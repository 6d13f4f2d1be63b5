//! Merges while some tiles have no scores yet.

use super::*;

#[test]
fn a_cell_has_its_final_score_or_none_whichever_tiles_are_pending() {
    let options = PlanOptions { tile_multiply_adds: Some(3000), tile_prompts: Some(2), for_gpus: false };
    let plan = plan(Direction::Noising, options);
    let whole = merged(&plan);
    for pattern in 0..64u32 {
        let is_pending = |tile: &Tile| pattern & (1 << (tile.id.0 % 6)) != 0;
        let so_far = merged_as(&plan, |tile| is_pending(tile).then_some(TileOutcome::Pending));
        let (grid, last) = (&so_far.grids[0], &whole.grids[0]);
        for at in 0..grid.status.len() {
            let (iteration, place) = (at / 12, u32::try_from(at % 12).expect("small"));
            // Over each range of prompts a cell's score comes from the tile that has it, or else from the baselines.
            let has = |tile: &Tile| match &tile.work {
                TileWork::Baseline => false,
                TileWork::Patch { cells, .. } | TileWork::Estimate { cells, .. } | TileWork::Activity { cells, .. } => {
                    cells.iter().any(|range| range.contains(&place))
                }
            };
            let of_iteration = || plan.tiles.iter().filter(|tile| tile.iteration as usize == iteration);
            let lacks = of_iteration().filter(|tile| tile.work == TileWork::Baseline).any(|baseline| {
                let mut own = of_iteration().filter(|tile| tile.prompts == baseline.prompts && has(tile));
                is_pending(own.next().unwrap_or(baseline))
            });
            let numbers = |grid: &GridScores| [grid.effect[at], grid.value[at], grid.stderr[at]].map(f32::to_bits);
            if lacks {
                assert_eq!(
                    (grid.status[at], grid.count[at]),
                    (CellStatus::Pending, 0),
                    "cell {at}, pattern {pattern:b}"
                );
                let all = [grid.effect[at], grid.value[at], grid.stderr[at], grid.normalized[at]];
                assert!(all.iter().all(|number| number.is_nan()), "cell {at}, pattern {pattern:b}");
            } else {
                assert_eq!((grid.status[at], grid.count[at]), (last.status[at], last.count[at]));
                assert_eq!(numbers(grid), numbers(last), "cell {at}, pattern {pattern:b}");
            }
        }
        for iteration in 0..2 {
            let mut baselines = plan.tiles.iter().filter(|tile| tile.work == TileWork::Baseline);
            let lacks = baselines.any(|tile| tile.iteration as usize == iteration && is_pending(tile));
            let (clean, wanted) = (so_far.clean[0].mean[iteration], whole.clean[0].mean[iteration]);
            assert!(if lacks { clean.is_nan() } else { clean.to_bits() == wanted.to_bits() });
        }
    }
}

#[test]
fn what_failed_stays_failed_while_other_tiles_are_pending() {
    let plan =
        plan(Direction::Noising, PlanOptions { tile_multiply_adds: None, tile_prompts: Some(2), for_gpus: false });
    let first = plan.tiles.iter().find(|tile| tile.work != TileWork::Baseline).expect("a tile").id;
    let so_far = merged_as(&plan, |tile| {
        let outcome = if tile.id == first { TileOutcome::GivenUp } else { TileOutcome::Pending };
        (tile.work != TileWork::Baseline).then_some(outcome)
    });
    let status = &so_far.grids[0].status;
    assert!(
        status.contains(&CellStatus::Failed)
            && status.contains(&CellStatus::Pending)
            && status.contains(&CellStatus::NoOp)
    );
}
