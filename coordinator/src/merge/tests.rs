use std::sync::Arc;

use patchsweep_proto::results::{STATUS_COMPUTED, STATUS_NOOP, STATUS_NOT_FINITE};
use patchsweep_proto::status::PlanOptions;

use super::*;

const LAYERS: u32 = 2;
const PROMPTS: u32 = 5;

/// The example under a direction, with a normalized metric.
fn plan(direction: Direction, options: PlanOptions) -> Plan {
    let mut plan = example::plan(options);
    let context = Arc::make_mut(&mut plan.context);
    context.direction = direction;
    context.metrics[0].normalize = true;
    plan
}

/// A metric that tells iteration, cell and prompt.
fn patched(iteration: u32, place: u32, prompt: u32) -> f32 {
    f32::from(u16::try_from(1000 * iteration + 10 * place + prompt * prompt).expect("small"))
}

/// The metric of the clean and of the corrupted run.
fn unpatched(iteration: u32, run: usize, prompt: u32) -> f32 {
    patched(iteration, [500, 700][run], prompt)
}

fn baseline(plan: &Plan) -> usize {
    if plan.context.direction == Direction::Noising { CLEAN } else { CORRUPTED }
}

/// Metric and effect of a cell, as a whole forward pass gives them.
fn pass(plan: &Plan, iteration: u32, place: u32, prompt: u32) -> (f32, f32) {
    let grid = &plan.context.grids[0];
    let unpatched = unpatched(iteration, baseline(plan), prompt);
    let noop = plan.context.prompt_pair(iteration, prompt).is_noop(&grid.cell(place), LAYERS);
    (if noop { unpatched } else { patched(iteration, place, prompt) }, unpatched)
}

fn scores(plan: &Plan, tile: &Tile) -> TileScores {
    let score = |pass: &dyn Fn(u32) -> (f32, f32)| {
        let (values, unpatched): (Vec<f32>, Vec<f32>) = tile.prompts.clone().map(pass).unzip();
        CellScore::of(&values, &unpatched)
    };
    let iteration = tile.iteration;
    let run = |run| move |prompt| (unpatched(iteration, run, prompt), unpatched(iteration, baseline(plan), prompt));
    let scores = match &tile.work {
        TileWork::Baseline => vec![score(&run(CLEAN)), score(&run(CORRUPTED))],
        TileWork::Patch { cells, .. } => {
            let places = cells.iter().cloned().flatten();
            places.map(|place| score(&|prompt| pass(plan, iteration, place, prompt))).collect()
        }
    };
    TileScores { metrics: 1, scores }
}

fn store(plan: &Plan, tiles: &mut dyn Iterator<Item = &Tile>) -> ScoreStore {
    let mut store = ScoreStore::new(plan.tiles.len());
    for tile in tiles {
        let scores = scores(plan, tile);
        check_scores(plan, tile.id, &scores).expect("scores that fit");
        store.keep(tile.id, scores);
    }
    store
}

fn merged(plan: &Plan) -> Merged {
    store(plan, &mut plan.tiles.iter()).merge(plan)
}

fn assert_close(found: &[f32], wanted: impl Iterator<Item = f64>) {
    let wanted: Vec<f64> = wanted.collect();
    assert_eq!(found.len(), wanted.len());
    for (place, (&found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((f64::from(found) - wanted).abs() < 1e-4, "{found}, not {wanted}, at {place}");
    }
}

const CUTS: [(Option<u64>, Option<u32>); 5] =
    [(None, None), (Some(1), None), (Some(3000), Some(3)), (Some(1), Some(2)), (None, Some(1))];

#[test]
fn every_score_is_that_of_whole_passes_whatever_the_cut_and_the_order_of_arrival() {
    for direction in [Direction::Noising, Direction::Denoising] {
        for (tile_multiply_adds, tile_prompts) in CUTS {
            let plan = plan(direction, PlanOptions { tile_multiply_adds, tile_prompts });
            let merged = merged(&plan);
            assert_eq!(store(&plan, &mut plan.tiles.iter().rev()).merge(&plan), merged, "bit for bit");
            let grid = &merged.grids[0];
            let cells = || (0..2).flat_map(|iteration| (0..12).map(move |place| (iteration, place)));
            let passes = |iteration, place| (0..PROMPTS).map(|prompt| pass(&plan, iteration, place, prompt)).unzip();
            let score = |(iteration, place)| {
                let (values, unpatched): (Vec<f32>, Vec<f32>) = passes(iteration, place);
                CellScore::of(&values, &unpatched)
            };
            assert_close(&grid.value, cells().map(|cell| score(cell).value.mean));
            assert_close(&grid.effect, cells().map(|cell| score(cell).effect.mean));
            assert_close(&grid.stderr, cells().map(|cell| score(cell).effect.standard_error()));
            let ends = |iteration| [CLEAN, CORRUPTED].map(|run| f64::from(unpatched(iteration, run, 0)) + 6.0);
            let normalized = |(iteration, place)| {
                let [clean, corrupted] = ends(iteration);
                (score((iteration, place)).value.mean - corrupted) / (clean - corrupted)
            };
            assert_close(&grid.normalized, cells().map(normalized));
            assert_close(&merged.clean[0], (0..2).map(|iteration| ends(iteration)[CLEAN]));
            assert_close(&merged.corrupted[0], (0..2).map(|iteration| ends(iteration)[CORRUPTED]));
            assert!(grid.count.iter().all(|&count| count == u64::from(PROMPTS)));
        }
    }
}

#[test]
fn a_cell_that_no_tile_computes_has_the_unpatched_metric_and_no_effect() {
    for (direction, run) in [(Direction::Noising, CLEAN), (Direction::Denoising, CORRUPTED)] {
        let plan = plan(direction, PlanOptions { tile_multiply_adds: None, tile_prompts: Some(2) });
        let merged = merged(&plan);
        let (grid, baseline) = (&merged.grids[0], [&merged.clean, &merged.corrupted][run]);
        let noop = |iteration: u32, place| {
            (0..PROMPTS).all(|prompt| {
                let pair = plan.context.prompt_pair(iteration, prompt);
                pair.is_noop(&plan.context.grids[0].cell(place), LAYERS)
            })
        };
        let mut noops = 0;
        for (iteration, place) in (0..2).flat_map(|iteration| (0..12).map(move |place| (iteration, place))) {
            let at = (iteration * 12 + place) as usize;
            let wanted = if noop(iteration, place) { STATUS_NOOP } else { STATUS_COMPUTED };
            assert_eq!(grid.status[at], wanted, "iteration {iteration}, cell {place}");
            if wanted == STATUS_NOOP {
                noops += 1;
                assert_eq!((grid.effect[at].to_bits(), grid.stderr[at].to_bits()), (0, 0));
                assert_eq!(grid.value[at].to_bits(), baseline[0][iteration as usize].to_bits());
            }
        }
        assert_eq!(noops, 10);
    }
}

#[test]
fn cells_whose_tiles_are_missing_have_no_score() {
    let plan = plan(Direction::Noising, PlanOptions { tile_multiply_adds: Some(1), tile_prompts: None });
    let missing = plan.tiles.iter().position(|tile| tile.work != TileWork::Baseline).expect("a patch");
    let mut kept = plan.tiles.iter().filter(|tile| tile.id != plan.tiles[missing].id);
    let grid = store(&plan, &mut kept).merge(&plan).grids.remove(0);
    let without: Vec<usize> = (0..24).filter(|&at| grid.count[at] == 0).collect();
    assert_eq!(without.len(), 1, "its tiles are one cell each");
    let at = without[0];
    assert!(grid.effect[at].is_nan() && grid.value[at].is_nan() && grid.normalized[at].is_nan());
    assert_eq!(grid.status[at], STATUS_NOT_FINITE);
}

#[test]
fn nothing_is_normalized_by_a_corruption_that_changes_nothing() {
    let plan = plan(Direction::Noising, PlanOptions::default());
    let mut store = store(&plan, &mut plan.tiles.iter());
    for tile in plan.tiles.iter().filter(|tile| tile.work == TileWork::Baseline && tile.iteration == 0) {
        let mut scores = scores(&plan, tile);
        scores.scores[CORRUPTED] = scores.scores[CLEAN];
        store.keep(tile.id, scores);
    }
    let normalized = &store.merge(&plan).grids[0].normalized;
    assert!(normalized[..12].iter().all(|score| score.is_nan()));
    assert!(normalized[12..].iter().all(|score| score.is_finite()));
}

#[test]
fn a_metric_that_is_not_normalized_has_no_such_scores() {
    let plan = example::plan(PlanOptions::default());
    assert!(merged(&plan).grids[0].normalized.is_empty());
}

#[test]
fn scores_of_other_cells_or_too_few_prompts_do_not_fit() {
    let plan = plan(Direction::Noising, PlanOptions::default());
    let tile = plan.tiles.last().expect("tiles");
    let mut short = scores(&plan, tile);
    short.scores.pop();
    assert!(check_scores(&plan, tile.id, &short).is_err());
    let mut few = scores(&plan, tile);
    few.scores[0] = CellScore::of(&[1.0], &[1.0]);
    assert!(check_scores(&plan, tile.id, &few).is_err());
    assert!(check_scores(&plan, TileId(1000), &scores(&plan, tile)).is_err());
}
