use std::sync::Arc;

use patchsweep_core::context::Direction;
use patchsweep_core::metric::{Difference, MetricKind, Reduce, ReducedSets, TokenScore};
use patchsweep_core::model::Dtype;
use patchsweep_core::results::CellStatus;
use patchsweep_core::scores::CellScore;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_core::token_sets::TokenSets;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::baselines::{CLEAN, CORRUPTED};
use super::*;

mod activity;
mod baselines;
mod estimates;
mod pending;
mod replicates;

const PROMPTS: u32 = 5;

/// The example under a direction, with a normalized metric.
fn plan(direction: Direction, options: PlanOptions) -> Plan {
    let mut plan = patchsweep_plan::fixtures::plan(options);
    let context = Arc::make_mut(&mut plan.context);
    context.direction = direction;
    context.metrics[0].normalize = true;
    plan
}

/// A metric that differs by iteration, cell and prompt.
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
    let noop = plan.context.prompt_pair(iteration, prompt).is_noop(&grid.cell(place), &plan.context.architecture);
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
        TileWork::Patch { cells, .. } | TileWork::Estimate { cells, .. } | TileWork::Activity { cells, .. } => {
            let places = cells.iter().cloned().flatten();
            places.map(|place| score(&|prompt| pass(plan, iteration, place, prompt))).collect()
        }
    };
    TileScores { metrics: 1, scores, by_prompt: by_prompt(plan, tile) }
}

/// Effects, or metrics of baselines \[cells, prompts\], where the plan keeps them.
fn by_prompt(plan: &Plan, tile: &Tile) -> Vec<f32> {
    let TileWork::Patch { cells, .. } = &tile.work else {
        let runs = [CLEAN, CORRUPTED].into_iter().filter(|_| tile.keeps_prompts(&plan.context));
        return runs
            .flat_map(|run| tile.prompts.clone().map(move |prompt| unpatched(tile.iteration, run, prompt)))
            .collect();
    };
    let places = cells.iter().cloned().flatten().filter(|_| plan.context.per_prompt);
    let effect = |(place, prompt)| {
        let (value, unpatched) = pass(plan, tile.iteration, place, prompt);
        value - unpatched
    };
    places.flat_map(|place| tile.prompts.clone().map(move |prompt| (place, prompt))).map(effect).collect()
}

/// All tiles in order, some of them given up.
fn merged_without(plan: &Plan, lost: impl Fn(&Tile) -> bool) -> Merged {
    merged_as(plan, |tile| lost(tile).then_some(TileOutcome::GivenUp))
}

/// All tiles in order, some of them without scores.
fn merged_as(plan: &Plan, lacking: impl Fn(&Tile) -> Option<TileOutcome>) -> Merged {
    let outcome = |tile: &Tile| {
        let outcome = lacking(tile).unwrap_or_else(|| TileOutcome::Scores(scores(plan, tile)));
        Ok::<_, Infallible>((tile.id, outcome))
    };
    merge(plan, plan.tiles.iter().map(outcome)).expect("all tiles in order")
}

fn merged(plan: &Plan) -> Merged {
    merged_without(plan, |_| false)
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
fn every_score_is_that_of_whole_passes_whatever_the_cut() {
    for direction in [Direction::Noising, Direction::Denoising] {
        for (tile_multiply_adds, tile_prompts) in CUTS {
            let plan = plan(direction, PlanOptions { tile_multiply_adds, tile_prompts, for_gpus: false });
            let merged = merged(&plan);
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
            assert_close(&merged.clean[0].mean, (0..2).map(|iteration| ends(iteration)[CLEAN]));
            assert_close(&merged.corrupted[0].mean, (0..2).map(|iteration| ends(iteration)[CORRUPTED]));
            assert!(grid.count.iter().all(|&count| count == u64::from(PROMPTS)));
        }
    }
}

#[test]
fn a_cell_that_no_tile_computes_has_the_unpatched_metric_and_no_effect() {
    for (direction, run) in [(Direction::Noising, CLEAN), (Direction::Denoising, CORRUPTED)] {
        let plan = plan(direction, PlanOptions { tile_multiply_adds: None, tile_prompts: Some(2), for_gpus: false });
        let merged = merged(&plan);
        let (grid, baseline) = (&merged.grids[0], [&merged.clean, &merged.corrupted][run]);
        let noop = |iteration: u32, place| {
            (0..PROMPTS).all(|prompt| {
                let pair = plan.context.prompt_pair(iteration, prompt);
                pair.is_noop(&plan.context.grids[0].cell(place), &plan.context.architecture)
            })
        };
        let mut noops = 0;
        for (iteration, place) in (0..2).flat_map(|iteration| (0..12).map(move |place| (iteration, place))) {
            let at = (iteration * 12 + place) as usize;
            let wanted = if noop(iteration, place) { CellStatus::NoOp } else { CellStatus::Computed };
            assert_eq!(grid.status[at], wanted, "iteration {iteration}, cell {place}");
            if wanted == CellStatus::NoOp {
                noops += 1;
                assert_eq!((grid.effect[at].to_bits(), grid.stderr[at].to_bits()), (0, 0));
                assert_eq!(grid.value[at].to_bits(), baseline[0].mean[iteration as usize].to_bits());
            }
        }
        assert_eq!(noops, 10);
    }
}

/// Moments of a cell merged range by range in the plan's order: what the tensors must equal bit for bit.
fn by_hand(plan: &Plan, iteration: u32, place: u32) -> CellScore {
    let of_cell = |tile: &&Tile| match &tile.work {
        TileWork::Baseline => true,
        TileWork::Patch { cells, .. } | TileWork::Estimate { cells, .. } | TileWork::Activity { cells, .. } => {
            cells.iter().any(|range| range.contains(&place))
        }
    };
    let tiles: Vec<&Tile> = plan.tiles.iter().filter(|tile| tile.iteration == iteration).filter(of_cell).collect();
    let mut sum = CellScore::default();
    for section in tiles.chunk_by(|a, b| a.prompts == b.prompts) {
        let last = section[section.len() - 1];
        let computed = scores(plan, last).scores;
        let score = match &last.work {
            TileWork::Baseline => CellScore::of(
                &last.prompts.clone().map(|prompt| unpatched(iteration, baseline(plan), prompt)).collect::<Vec<_>>(),
                &last.prompts.clone().map(|prompt| unpatched(iteration, baseline(plan), prompt)).collect::<Vec<_>>(),
            ),
            TileWork::Patch { cells, .. } | TileWork::Estimate { cells, .. } | TileWork::Activity { cells, .. } => {
                computed[cells.iter().cloned().flatten().position(|at| at == place).expect("of the cell")]
            }
        };
        sum = sum.merge(score);
    }
    sum
}

#[test]
#[allow(clippy::cast_possible_truncation, reason = "as results are made")]
fn tensors_are_the_merged_moments_bit_for_bit() {
    for (tile_multiply_adds, tile_prompts) in CUTS {
        let plan = plan(Direction::Denoising, PlanOptions { tile_multiply_adds, tile_prompts, for_gpus: false });
        let grid = merged(&plan).grids.remove(0);
        for (iteration, place) in (0..2).flat_map(|iteration| (0..12).map(move |place| (iteration, place))) {
            let (at, wanted) = ((iteration * 12 + place) as usize, by_hand(&plan, iteration, place));
            assert_eq!(grid.value[at].to_bits(), (wanted.value.mean as f32).to_bits());
            assert_eq!(grid.effect[at].to_bits(), (wanted.effect.mean as f32).to_bits());
            assert_eq!(grid.stderr[at].to_bits(), (wanted.effect.standard_error() as f32).to_bits());
        }
    }
}

/// Cells that a lost tile leaves without a score over all prompts.
fn touched(plan: &Plan, lost: &[bool], iteration: u32, place: u32) -> bool {
    let mut touched = false;
    for baseline in plan.tiles.iter().filter(|tile| tile.work == TileWork::Baseline && tile.iteration == iteration) {
        let of_section = |tile: &&Tile| tile.iteration == iteration && tile.prompts == baseline.prompts;
        let computing = plan.tiles.iter().filter(of_section).find(|tile| match &tile.work {
            TileWork::Baseline => false,
            TileWork::Patch { cells, .. } | TileWork::Estimate { cells, .. } | TileWork::Activity { cells, .. } => {
                cells.iter().any(|range| range.contains(&place))
            }
        });
        touched |= lost[computing.unwrap_or(baseline).id.0 as usize];
    }
    touched
}

#[test]
fn whichever_tiles_are_given_up_their_cells_fail_and_all_others_are_as_before() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for round in 0..200 {
        let (tile_multiply_adds, tile_prompts) = CUTS[round % CUTS.len()];
        let direction = if round % 2 == 0 { Direction::Noising } else { Direction::Denoising };
        let plan = plan(direction, PlanOptions { tile_multiply_adds, tile_prompts, for_gpus: false });
        let share = random.random_range(0.0..=1.0);
        let lost: Vec<bool> = plan.tiles.iter().map(|_| random.random_bool(share)).collect();
        let (whole, part) = (merged(&plan), merged_without(&plan, |tile| lost[tile.id.0 as usize]));
        for iteration in 0..2 {
            let of_iteration = |tile: &&Tile| tile.work == TileWork::Baseline && tile.iteration == iteration;
            let no_baseline = plan.tiles.iter().filter(of_iteration).any(|tile| lost[tile.id.0 as usize]);
            let row = iteration as usize;
            for (whole, part) in [(&whole.clean, &part.clean), (&whole.corrupted, &part.corrupted)] {
                for (whole, part) in [(&whole[0].mean, &part[0].mean), (&whole[0].stderr, &part[0].stderr)] {
                    let wanted = if no_baseline { f32::NAN } else { whole[row] };
                    assert_eq!(part[row].to_bits(), wanted.to_bits(), "round {round}");
                }
            }
            for place in 0..12 {
                let (at, wanted, found) = (row * 12 + place as usize, &whole.grids[0], &part.grids[0]);
                let failed = touched(&plan, &lost, iteration, place);
                let known = |number: f32, also: bool| if also { number.to_bits() } else { f32::NAN.to_bits() };
                let which = format!("round {round}, iteration {iteration}, cell {place}");
                assert_eq!(found.effect[at].to_bits(), known(wanted.effect[at], !failed), "{which}");
                assert_eq!(found.value[at].to_bits(), known(wanted.value[at], !failed), "{which}");
                assert_eq!(found.stderr[at].to_bits(), known(wanted.stderr[at], !failed), "{which}");
                let normalized = known(wanted.normalized[at], !failed && !no_baseline);
                assert_eq!(found.normalized[at].to_bits(), normalized, "{which}");
                assert_eq!(found.count[at], if failed { 0 } else { PROMPTS.into() }, "{which}");
                assert_eq!(found.status[at], if failed { CellStatus::Failed } else { wanted.status[at] }, "{which}");
            }
        }
    }
}

/// The plan with a second grid like the first, and a second metric.
fn doubled(mut plan: Plan) -> Plan {
    let context = Arc::make_mut(&mut plan.context);
    let mut other = context.grids[0].clone();
    other.name = "other".into();
    context.grids.push(other);
    let other =
        patchsweep_core::metric::Metric { name: "other".into(), normalize: false, ..context.metrics[0].clone() };
    context.metrics.push(other);
    let mut tiles: Vec<Tile> = Vec::new();
    for section in plan.tiles.chunk_by(|a, b| a.iteration == b.iteration && a.prompts == b.prompts) {
        tiles.extend_from_slice(section);
        tiles.extend(section.iter().filter_map(|tile| match &tile.work {
            TileWork::Baseline => None,
            TileWork::Patch { cells, .. } | TileWork::Estimate { cells, .. } | TileWork::Activity { cells, .. } => {
                Some(Tile { work: TileWork::Patch { grid: 1, cells: cells.clone(), plain: false }, ..tile.clone() })
            }
        }));
    }
    for (id, tile) in (0..).zip(&mut tiles) {
        tile.id = TileId(id);
    }
    plan.tiles = tiles;
    plan
}

#[test]
fn a_lost_tile_costs_its_cells_under_all_metrics_and_those_of_no_other_grid() {
    let plan = doubled(plan(
        Direction::Noising,
        PlanOptions { tile_multiply_adds: Some(1), tile_prompts: Some(3), for_gpus: false },
    ));
    let is_patch = |tile: &&Tile| matches!(tile.work, TileWork::Patch { grid: 1, .. });
    let lost = plan.tiles.iter().filter(is_patch).nth(3).expect("enough tiles").id;
    let merged_without = |lost: Option<TileId>| {
        let outcome = |tile: &Tile| {
            let one = scores(&plan, tile).scores;
            let scores = one.iter().flat_map(|&score| [score, score]).collect();
            let scores = TileScores { metrics: 2, scores, by_prompt: Vec::new() };
            let is_lost = Some(tile.id) == lost;
            Ok::<_, Infallible>((tile.id, if is_lost { TileOutcome::GivenUp } else { TileOutcome::Scores(scores) }))
        };
        merge(&plan, plan.tiles.iter().map(outcome)).expect("all tiles")
    };
    let (whole, part) = (merged_without(None), merged_without(Some(lost)));
    let names: Vec<(&str, usize)> = part.grids.iter().map(|grid| (grid.grid.as_str(), grid.metric)).collect();
    assert_eq!(names, [("z", 0), ("z", 1), ("other", 0), ("other", 1)]);
    assert_eq!((&part.grids[..2], &part.clean), (&whole.grids[..2], &whole.clean));
    for (grid, whole) in part.grids[2..].iter().zip(&whole.grids[2..]) {
        let failed: Vec<usize> = (0..24).filter(|&at| grid.status[at] == CellStatus::Failed).collect();
        assert_eq!(failed.len(), 1, "its tiles are one cell each");
        assert!((0..24).all(|at| failed.contains(&at) || grid.effect[at].to_bits() == whole.effect[at].to_bits()));
    }
}

#[test]
fn a_score_that_is_not_finite_is_a_result_and_no_failure() {
    let plan =
        plan(Direction::Noising, PlanOptions { tile_multiply_adds: Some(1), tile_prompts: None, for_gpus: false });
    let odd = plan.tiles.iter().find(|tile| tile.work != TileWork::Baseline).expect("a patch");
    let outcome = |tile: &Tile| {
        let mut scores = scores(&plan, tile);
        if tile.id == odd.id {
            scores.scores[0].value.mean = f64::INFINITY;
        }
        Ok::<_, Infallible>((tile.id, TileOutcome::Scores(scores)))
    };
    let grid = merge(&plan, plan.tiles.iter().map(outcome)).expect("all tiles").grids.remove(0);
    let at: Vec<usize> = (0..24).filter(|&at| grid.status[at] == CellStatus::NotFinite).collect();
    assert_eq!(at.len(), 1, "its tiles are one cell each");
    assert!(grid.value[at[0]].is_infinite() && grid.count[at[0]] == u64::from(PROMPTS));
}

/// The baselines of iteration 1 over its last prompts, which no patch can change.
fn last_baseline(plan: &Plan) -> &Tile {
    let is_meant = |tile: &&Tile| tile.work == TileWork::Baseline && tile.iteration == 1;
    plan.tiles.iter().rfind(is_meant).expect("a baseline")
}

/// All tiles in order, but the clean metric of those prompts is no number.
fn merged_with_odd_baseline(plan: &Plan) -> Merged {
    merged_as(plan, |tile| {
        let mut scores = scores(plan, tile);
        scores.scores[CLEAN].value.mean = f64::NAN;
        (tile.id == last_baseline(plan).id).then_some(TileOutcome::Scores(scores))
    })
}

#[test]
fn a_cell_that_has_the_baseline_s_score_is_no_number_where_the_baseline_is_none() {
    for per_prompt in [false, true] {
        let options = PlanOptions { tile_multiply_adds: Some(3000), tile_prompts: Some(2), for_gpus: false };
        let mut plan = plan(Direction::Noising, options);
        Arc::make_mut(&mut plan.context).per_prompt = per_prompt;
        let (merged, whole) = (merged_with_odd_baseline(&plan), merged(&plan));
        assert!(merged.clean[0].mean[1].is_nan() && merged.clean[0].mean[0].is_finite());
        assert_eq!(merged.baselines, [CellStatus::Computed; 2], "they were computed");
        let (grid, last) = (&merged.grids[0], &whole.grids[0]);
        let first = last_baseline(&plan).prompts.start as usize;
        for at in 12..24 {
            assert_eq!((grid.status[at], grid.count[at]), (CellStatus::NotFinite, u64::from(PROMPTS)), "at {at}");
            let numbers = [&grid.effect, &grid.value, &grid.stderr, &grid.normalized];
            assert!(numbers.iter().all(|tensor| tensor[at].is_nan()), "at {at}");
            if per_prompt {
                let (rest, range) = grid.of_prompts(at).split_at(first);
                assert!(!range.is_empty() && range.iter().all(|effect| effect.is_nan()), "nobody knows which it is");
                assert_eq!(rest, &last.of_prompts(at)[..first]);
            }
        }
        let was = |status| last.status[12..].contains(&status);
        assert!(was(CellStatus::Computed) && was(CellStatus::NoOp), "cells of other tiles, and of none");
        assert_eq!(grid.status[..12], last.status[..12]);
        assert_eq!(grid.effect[..12], last.effect[..12]);
    }
}

#[test]
fn baselines_say_what_became_of_them() {
    let plan =
        plan(Direction::Noising, PlanOptions { tile_multiply_adds: None, tile_prompts: Some(2), for_gpus: false });
    let baselines = |outcomes: [Option<TileOutcome>; 2]| {
        let mut left = outcomes.into_iter();
        let lacking = |tile: &Tile| {
            let is_meant = tile.work == TileWork::Baseline && tile.iteration == 1;
            is_meant.then(|| left.next().flatten()).flatten()
        };
        let lacking = std::cell::RefCell::new(lacking);
        merged_as(&plan, |tile| (lacking.borrow_mut())(tile)).baselines
    };
    let (lost, pending) = (|| Some(TileOutcome::GivenUp), || Some(TileOutcome::Pending));
    let computed = CellStatus::Computed;
    assert_eq!(baselines([None, None]), [computed, computed]);
    assert_eq!(baselines([pending(), None]), [computed, CellStatus::Pending]);
    assert_eq!(baselines([lost(), pending()]), [computed, CellStatus::Failed], "failed outweighs pending");
}

#[test]
fn tiles_come_in_order_each_once_and_all() {
    let plan =
        plan(Direction::Noising, PlanOptions { tile_multiply_adds: Some(1), tile_prompts: Some(2), for_gpus: false });
    let last = TileId(u32::try_from(plan.tiles.len() - 1).expect("few"));
    let merge_of = |ids: &mut dyn Iterator<Item = u32>| {
        merge(&plan, ids.map(|id| Ok::<_, Infallible>((TileId(id), TileOutcome::GivenUp))))
    };
    let wrong = merge_of(&mut [1, 0].into_iter()).expect_err("out of order");
    assert_eq!(wrong, MergeError::OutOfOrder { found: TileId(1), wanted: Some(TileId(0)) });
    let again = merge_of(&mut [0, 0].into_iter()).expect_err("twice");
    assert_eq!(again.to_string(), "tile t0 came where t1 was due");
    let more = merge_of(&mut (0..=last.0 + 1)).expect_err("one too many");
    assert_eq!(more, MergeError::OutOfOrder { found: TileId(last.0 + 1), wanted: None });
    let fewer = merge_of(&mut (0..last.0)).expect_err("one too few");
    assert_eq!(fewer, MergeError::Missing { tile: last });
    let broken = merge(&plan, [Err::<(TileId, TileOutcome), _>(std::fmt::Error)]).expect_err("no tile");
    assert_eq!(broken, MergeError::Source(std::fmt::Error));
}

#[test]
fn scores_of_another_shape_are_not_merged() {
    let plan = plan(Direction::Noising, PlanOptions::default());
    let mut few = scores(&plan, &plan.tiles[0]);
    few.scores.pop();
    let refused = Merger::new(&plan).push(TileId(0), &TileOutcome::Scores(few));
    assert!(matches!(refused, Err(MergeError::Shape { tile: TileId(0), .. })));
}

#[test]
fn nothing_is_normalized_by_a_corruption_that_changes_nothing() {
    let plan = plan(Direction::Noising, PlanOptions::default());
    let outcome = |tile: &Tile| {
        let mut scores = scores(&plan, tile);
        if tile.work == TileWork::Baseline && tile.iteration == 0 {
            scores.scores[CORRUPTED] = scores.scores[CLEAN];
        }
        Ok::<_, Infallible>((tile.id, TileOutcome::Scores(scores)))
    };
    let merged = merge(&plan, plan.tiles.iter().map(outcome)).expect("all tiles");
    let normalized = &merged.grids[0].normalized;
    assert!(normalized[..12].iter().all(|score| score.is_nan()));
    assert!(normalized[12..].iter().all(|score| score.is_finite()));
}

#[test]
fn nothing_is_normalized_by_what_rounding_makes_of_the_baselines() {
    let apart = |kind: Option<MetricKind>, dtype, clean: f64, range: f64| {
        let mut plan = plan(Direction::Noising, PlanOptions::default());
        let context = Arc::make_mut(&mut plan.context);
        context.dtype = dtype;
        context.metrics[0].kind = kind.unwrap_or_else(|| context.metrics[0].kind.clone());
        let near = |tile: &Tile| {
            let mut scores = scores(&plan, tile);
            (scores.scores[CLEAN].value.mean, scores.scores[CORRUPTED].value.mean) = (clean, clean - range);
            (tile.work == TileWork::Baseline).then_some(TileOutcome::Scores(scores))
        };
        let merged = merged_as(&plan, near);
        let normalized = &merged.grids[0].normalized;
        assert!(merged.clean[0].mean.iter().chain(&merged.corrupted[0].mean).all(|mean| mean.is_finite()));
        let finite = normalized.iter().filter(|number| number.is_finite()).count();
        assert!(finite == 0 || finite == normalized.len());
        finite > 0
    };
    // One unit in the last place of 10 is 9.5e-7 in float32, 7.8e-3 in float16 and 0.0625 in bfloat16; of 100 ten times that.
    assert!(!apart(None, Dtype::Float32, 3.0, 9e-7) && apart(None, Dtype::Float32, 3.0, 1.1e-6));
    assert!(!apart(None, Dtype::Float32, 100.0, -9e-6) && apart(None, Dtype::Float32, 100.0, -1.1e-5));
    assert!(!apart(None, Dtype::Float16, 3.0, 7e-3) && apart(None, Dtype::Float16, 3.0, 9e-3));
    assert!(!apart(None, Dtype::Bfloat16, 3.0, 0.06) && apart(None, Dtype::Bfloat16, 3.0, 0.07));
    let prob = || Some(MetricKind::Prob);
    assert!(!apart(prob(), Dtype::Float32, 1e-6, 9e-13) && apart(prob(), Dtype::Float32, 1e-6, 1.1e-12));
    // One probability minus another is small where both are a half.
    let side = |token| ReducedSets {
        sets: TokenSets::new(vec![token; PROMPTS as usize], [1; PROMPTS as usize]).expect("a set for each"),
        reduce: Reduce::Sum,
    };
    let difference = |has_wrong: bool| {
        let wrong = has_wrong.then(|| side(2));
        Some(MetricKind::Difference(Difference { of: TokenScore::Prob, right: side(1), wrong }))
    };
    assert!(
        !apart(difference(true), Dtype::Float32, 1e-6, 9e-7) && apart(difference(true), Dtype::Float32, 1e-6, 1.1e-6)
    );
    assert!(
        !apart(difference(true), Dtype::Bfloat16, 1e-3, 0.06) && apart(difference(true), Dtype::Bfloat16, 1e-3, 0.07)
    );
    assert!(
        !apart(difference(false), Dtype::Float32, 1e-6, 9e-13)
            && apart(difference(false), Dtype::Float32, 1e-6, 1.1e-12)
    );
}

#[test]
fn a_metric_that_is_not_normalized_has_no_such_scores() {
    let plan = patchsweep_plan::fixtures::plan(PlanOptions::default());
    assert!(merged(&plan).grids[0].normalized.is_empty());
}

#[test]
fn scores_of_other_cells_or_too_few_prompts_do_not_fit() {
    let plan = plan(Direction::Noising, PlanOptions::default());
    let tile = plan.tiles.last().expect("tiles");
    let mut short = scores(&plan, tile);
    short.scores.pop();
    assert!(refuse_scores(&plan, tile.id, &short).is_err());
    let mut few = scores(&plan, tile);
    few.scores[0] = CellScore::of(&[1.0], &[1.0]);
    assert!(refuse_scores(&plan, tile.id, &few).is_err());
    assert!(refuse_scores(&plan, TileId(1000), &scores(&plan, tile)).is_err());
}
