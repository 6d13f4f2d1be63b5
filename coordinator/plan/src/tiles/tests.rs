use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use patchsweep_core::also::Also;
use patchsweep_core::architecture::{Architecture, Sizes};
use patchsweep_core::causality::Suffix;
use patchsweep_core::context::{Direction, Iteration};
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use patchsweep_core::groups::{Group, Groups, Spot};
use patchsweep_core::ids::TileId;
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::model::{Dtype, MOST_LOADED, ModelRef};
use patchsweep_core::tokens::TokenMatrix;
use patchsweep_core::writes::Beginning;
use patchsweep_proto::v1;
use prost::Message;

use super::messages::{MOST_MESSAGE_BYTES, most_cells, most_prompts};
use super::share::chunks;
use super::size::*;
use super::*;
use crate::spec::MOST_METRICS;
use crate::{CostModel, PatchPoint};

const SIZES: Sizes = Sizes { layers: 4, heads: 3, d_model: 6, d_mlp: 24, d_vocab: 100, n_ctx: 2048 };
const POSITIONS: u32 = 6;

/// Four prompts: two corrupted at the same position, one later, one not at all.
fn context(grids: Vec<Grid>) -> SweepContext {
    let clean = TokenMatrix::from_flat(4, POSITIONS, (0..24).collect()).expect("a matrix");
    let corrupted = |places: &[usize]| {
        let mut ids = clean.ids().to_vec();
        for &place in places {
            ids[place] = 99;
        }
        TokenMatrix::from_flat(4, POSITIONS, ids).expect("a matrix")
    };
    let iteration = |corrupted, reads: &[u32]| Iteration {
        corrupted,
        noise: None,
        reads: reads.to_vec(),
        answers: vec![0; 4 * reads.len()],
        wrong_answers: Vec::new(),
    };
    SweepContext {
        model: ModelRef::Folder("m".into()),
        architecture: Architecture::plain(SIZES),
        dtype: Dtype::Float32,
        tf32: false,
        direction: Direction::Noising,
        iterations: vec![iteration(corrupted(&[2, 6 + 2, 12 + 4]), &[4]), iteration(corrupted(&[1, 18 + 3]), &[2, 3])],
        clean,
        metrics: vec![Metric {
            name: "m".into(),
            kind: MetricKind::LogitDiffMax { candidates: vec![0, 1] },
            normalize: false,
        }],
        grids,
        per_prompt: false,
        replicates: 1,
        groups: Groups::default(),
    }
}

fn grid(component: Component, axes: &[Axis]) -> Grid {
    Grid::new("g".into(), component, axes.to_vec(), &Architecture::plain(SIZES), POSITIONS).expect("a grid")
}

/// One of each kind: axes in front of and behind heads, restricted, ablating, at all positions at once.
fn grids() -> Vec<Grid> {
    use Axis::{DestPos, Head, Layer, Pos, SrcPos};
    let pattern = grid(Component::Pattern, &[Layer, Head, DestPos, SrcPos]);
    let some = pattern.clone().restricted(Layer, vec![1, 3]).expect("layers").restricted(Head, vec![2]).expect("heads");
    let some = some.restricted(DestPos, vec![2, 4]).expect("positions").restricted(SrcPos, vec![0, 3]);
    let model = Architecture::plain(SIZES);
    let (component, value) = (Component::Z, PatchValue::Zero);
    let also = Also {
        component,
        layer: 2,
        heads: vec![1],
        neurons: [].into(),
        positions: vec![1, 3],
        sources: Vec::new(),
        value,
    };
    let with_also = grid(Component::Z, &[Layer, Pos, Head]).with_also(also, &model, POSITIONS).expect("a head");
    let together = grid(Component::AttnOut, &[Layer, Pos]).together_with(vec![Component::MlpOut], &model);
    vec![
        with_also,
        together.expect("equal axes"),
        grid(Component::MlpOut, &[Layer, Pos]).with_window(3).expect("a window"),
        grid(Component::ResidPre, &[Layer, Pos]),
        grid(Component::ResidPost, &[Layer]),
        grid(Component::Z, &[Layer, Head]),
        grid(Component::Z, &[Layer, Pos, Head]),
        grid(Component::K, &[Layer, Pos, Head]).restricted(Pos, vec![0, 2, 5]).expect("positions"),
        grid(Component::AttnOut, &[Layer, Pos]).patched_with(PatchValue::Zero),
        grid(Component::Pattern, &[Layer, Head, DestPos]),
        pattern,
        some.expect("positions"),
    ]
}

fn options(tile_multiply_adds: u64, tile_prompts: u32) -> PlanOptions {
    PlanOptions { tile_multiply_adds: Some(tile_multiply_adds), tile_prompts: Some(tile_prompts), for_gpus: false }
}

/// Cells of a section that can change a score, in order, with their costs.
fn live_cells(context: &SweepContext, iteration: u32, prompts: &Range<u32>, grid: &Grid) -> Vec<(u32, u64)> {
    let cost = CostModel::of(context);
    let reads = &context.iterations[iteration as usize].reads;
    let price = |place: u32| {
        let cell = grid.cell(place);
        let pairs: Vec<_> = prompts.clone().map(|prompt| context.prompt_pair(iteration, prompt)).collect();
        let start = Suffix::of(&cell, &pairs, &context.architecture)?.first;
        let beginning = Beginning::of(&cell, &pairs, &context.architecture);
        let point = PatchPoint { cell: &cell, start, beginning, reads };
        Some((place, cost.patched_run(point) * prompts.len() as u64))
    };
    (0..grid.cell_count().expect("few cells")).filter_map(price).collect()
}

/// The clean run once, the corrupted one from where it differs, and the scores of both.
fn baseline_cost(context: &SweepContext, iteration: u32, prompts: &Range<u32>) -> u64 {
    let cost = CostModel::of(context);
    let clean = if iteration == 0 { cost.run(0, context.last_read() + 1) } else { 0 };
    let pairs = prompts.clone().map(|prompt| context.prompt_pair(iteration, prompt));
    let end = context.iterations[iteration as usize].last_read().expect("a read position") + 1;
    let corrupted = pairs.filter_map(|pair| pair.first_corrupted()).min().map_or(0, |first| cost.run(first, end));
    let scores = cost.unpatched_scores(&context.iterations[iteration as usize], 2);
    (clean + corrupted + scores) * u64::from(prompts.end - prompts.start)
}

#[test]
fn tiles_hold_the_live_cells_once_in_row_major_order_behind_their_baselines() {
    let context = context(grids());
    for (target, most_prompts) in [(1, 4), (20_000, 4), (100_000, 3), (20_000, 1), (u64::MAX, 2)] {
        let (tiles, costs) = cut(&context, options(target, most_prompts)).expect("few tiles");
        assert!(tiles.iter().zip(0..).all(|(tile, id)| tile.id == TileId(id)));
        let mut rest = tiles.iter().zip(&costs).peekable();
        for iteration in 0..2 {
            for prompts in chunks(4, most_prompts) {
                let (baseline, &cost) = rest.next().expect("a baseline");
                assert_eq!((baseline.iteration, &baseline.prompts), (iteration, &prompts));
                assert_eq!(baseline.work, TileWork::Baseline);
                assert_eq!(cost, baseline_cost(&context, iteration, &prompts));
                let scores = CostModel::of(&context).unpatched_scores(&context.iterations[iteration as usize], 1);
                let overhead = u64::from(prompts.end - prompts.start) * scores;
                for (index, grid) in (0..).zip(&context.grids) {
                    let live = live_cells(&context, iteration, &prompts, grid);
                    let (mut found, mut sum) = (Vec::new(), 0);
                    while let Some((tile, &cost)) = rest.next_if(|(tile, _)| of_grid(tile, index)) {
                        assert_eq!((tile.iteration, &tile.prompts), (iteration, &prompts));
                        let TileWork::Patch { cells, .. } = &tile.work else { panic!("a patch") };
                        assert!(cells.windows(2).all(|pair| pair[0].end < pair[1].start), "{cells:?}");
                        found.extend(cells.iter().cloned().flatten());
                        sum += cost - overhead;
                    }
                    assert_eq!(found, live.iter().map(|(place, _)| *place).collect::<Vec<_>>(), "{grid:?}");
                    assert_eq!(sum, live.iter().map(|(_, cost)| cost).sum::<u64>(), "{grid:?}");
                }
            }
        }
        assert!(rest.next().is_none());
    }
}

fn of_grid(tile: &Tile, index: u32) -> bool {
    matches!(tile.work, TileWork::Patch { grid, .. } if grid == index)
}

#[test]
fn tiles_are_of_about_the_target_cost() {
    let context = context(vec![grid(Component::ResidPre, &[Axis::Layer, Axis::Pos])]);
    let live = live_cells(&context, 0, &(0..4), &context.grids[0]);
    let (total, dearest) = live.iter().fold((0, 0), |(sum, most), &(_, cost)| (sum + cost, most.max(cost)));
    for target in [dearest, 2 * dearest, total / 2, total - 1, total] {
        let (tiles, costs) = cut(&context, options(target, 4)).expect("few tiles");
        let own = || tiles.iter().zip(&costs).filter(|(tile, _)| tile.iteration == 0 && of_grid(tile, 0));
        let count = own().count() as u64;
        // A tile overshoots by less than a cell.
        let fewest = total.div_ceil(target + dearest);
        assert!((fewest..=total.div_ceil(target)).contains(&count), "{count} tiles of {target} for {total}");
        let overhead = 4 * CostModel::of(&context).unpatched_scores(&context.iterations[0], 1);
        assert!(own().all(|(_, &cost)| cost < target + dearest + overhead));
    }
}

/// A grid with so many cells in one layer, under so many metrics.
fn wide(cells: u32, metrics: usize, per_prompt: bool) -> SweepContext {
    let wide = Sizes { layers: 1, heads: cells, ..SIZES };
    let z = Grid::new("g".into(), Component::Z, vec![Axis::Layer, Axis::Head], &Architecture::plain(wide), POSITIONS)
        .expect("a grid");
    let mut context = SweepContext { architecture: Architecture::plain(wide), per_prompt, ..context(vec![z]) };
    context.metrics = vec![context.metrics[0].clone(); metrics];
    context
}

/// Cells of its tiles.
fn tiles_of(context: &SweepContext) -> Vec<usize> {
    let (tiles, _) = cut(context, options(u64::MAX, 4)).expect("few tiles");
    tiles.iter().filter(|tile| tile.iteration == 0 && of_grid(tile, 0)).map(Tile::cell_count).collect()
}

#[test]
fn a_tile_has_no_more_cells_than_its_messages_take() {
    for (metrics, kept) in [(1, false), (2, false), (MOST_METRICS, false), (1, true), (2, true), (MOST_METRICS, true)] {
        let most = most_cells(&wide(1, metrics, kept), 4);
        let (whole, tiles_of) = (most as usize, |cells| tiles_of(&wide(cells, metrics, kept)));
        assert_eq!(tiles_of(most - 1), [whole - 1]);
        assert_eq!(tiles_of(most), [whole]);
        assert_eq!(tiles_of(most + 1), [whole, 1]);
    }
}

#[test]
fn tiles_for_gpus_are_larger() {
    let wide = Sizes { layers: 48, heads: 32, d_model: 1024, d_mlp: 4096, ..SIZES };
    let architecture = Architecture::plain(wide);
    let z = Grid::new("g".into(), Component::Z, vec![Axis::Layer, Axis::Pos, Axis::Head], &architecture, POSITIONS);
    let sweep = SweepContext { architecture, ..context(vec![z.expect("a grid")]) };
    let tiles = |for_gpus| cut(&sweep, PlanOptions { for_gpus, ..PlanOptions::default() }).expect("few tiles").0.len();
    let (on_cpu, on_gpus) = (tiles(false), tiles(true));
    assert!(on_gpus * 4 < on_cpu, "{on_gpus} and {on_cpu}");
    let given = |for_gpus| cut(&sweep, PlanOptions { for_gpus, ..options(1, 4) }).expect("few tiles");
    assert_eq!(given(true), given(false), "what is asked for counts on both");
}

/// With the largest of everything that is beside the cells.
fn lease() -> v1::Lease {
    let longest = "x".repeat(crate::spec::MOST_NAME_CHARS + "-123456-".len() + "4294967295".len());
    v1::Lease { epoch: u64::MAX, sweep_id: longest, tile_id: u32::MAX, attempt: u32::MAX }
}

/// `kept`: prompts of which each is kept.
fn result_bytes(cells: u32, metrics: usize, kept: u32) -> usize {
    let list = || vec![-1.0e-300; cells as usize * metrics];
    let scores = v1::TileScores {
        cells,
        metrics: u32::try_from(metrics).expect("few"),
        counts: vec![u32::MAX.into(); cells as usize],
        value_mean: list(),
        value_m2: list(),
        effect_mean: list(),
        effect_m2: list(),
        by_prompt: vec![1.0; cells as usize * metrics * kept as usize],
        zeros: Vec::new(),
    };
    let most = u64::MAX;
    let name = v1::model_ref::Source::Folder("x".repeat(128));
    let model = v1::LoadedModel { model: Some(v1::ModelRef { source: Some(name) }), dtype: 1 };
    let result = v1::TileResult {
        lease: Some(lease()),
        outcome: Some(v1::tile_result::Outcome::Scores(scores)),
        cache: Some(v1::CacheStats { hits: most, misses: most, evictions: most, bytes: most, budget_bytes: most }),
        busy_seconds: 1.0,
        model_digest: vec![1; 32],
        multiply_adds: most,
        libtorch_calls: most,
        memory_retries: most,
        streamed_bytes: most,
        loaded: Some(v1::LoadedModels { models: vec![model; MOST_LOADED] }),
        loading_seconds: 1.0,
        // As many and as long as are taken.
        model_notes: vec!["x".repeat(2000); 8],
    };
    let message = v1::worker_message::Message::Result(result);
    v1::WorkerMessage { message: Some(message) }.encoded_len()
}

fn grant_bytes(cells: u32) -> usize {
    let last = patchsweep_core::grid::MAX_CELLS;
    let ranges = vec![v1::IndexRange { start: last - 1, end: last }; cells as usize];
    let tile = v1::Tile {
        id: u32::MAX,
        iteration: u32::MAX,
        prompts: Some(v1::IndexRange { start: u32::MAX - 1, end: u32::MAX }),
        work: Some(v1::tile::Work::Patch(v1::PatchWork { grid: u32::MAX, cells: ranges, plain: true })),
    };
    let grant = v1::Grant {
        lease: Some(lease()),
        tile: Some(tile),
        context_digest: vec![1; 32],
        model_digest: vec![1; 32],
        traceparent: "0".repeat(55),
    };
    let message = v1::coordinator_message::Message::Grant(grant);
    v1::CoordinatorMessage { message: Some(message) }.encoded_len()
}

#[test]
fn the_largest_tile_s_messages_stay_within_their_bound() {
    for (metrics, kept) in [(1, 0), (2, 0), (MOST_METRICS, 0), (1, 1), (1, 256), (MOST_METRICS, 4), (3, 10_000)] {
        let mut context = wide(1, metrics, kept > 0);
        context.clean = prompts(kept.max(4));
        let most = most_cells(&context, kept.max(4));
        for cells in [most - 1, most, most + 1] {
            let largest = result_bytes(cells, metrics, kept).max(grant_bytes(cells));
            assert!(cells > most || largest <= MOST_MESSAGE_BYTES, "{cells} cells, {metrics} metrics: {largest}");
        }
        // Not needlessly small either.
        let twice = result_bytes(2 * most, metrics, kept);
        assert!(twice > MOST_MESSAGE_BYTES, "{metrics} metrics: {twice}");
    }
}

#[test]
fn a_tile_of_which_each_prompt_is_kept_has_no_more_than_the_message_of_both_baselines_takes() {
    for metrics in [1, 3, MOST_METRICS] {
        let context = wide(1, metrics, true);
        let most = most_prompts(&context);
        assert!(result_bytes(2, metrics, most) <= MOST_MESSAGE_BYTES);
        assert!(result_bytes(2, metrics, most + most / 8) > MOST_MESSAGE_BYTES);
        assert_eq!(most_cells(&SweepContext { clean: prompts(most), ..context }, most), 2);
    }
}

fn prompts(count: u32) -> TokenMatrix {
    TokenMatrix::from_flat(count, 1, vec![0; count as usize]).expect("a matrix")
}

#[test]
fn long_prompts_come_in_smaller_tiles() {
    let prompts = |last_read: u32| {
        let mut context = context(Vec::new());
        context.iterations[1].reads = vec![last_read];
        default_prompts(&context)
    };
    assert_eq!(prompts(7), 256);
    assert_eq!(prompts(63), 128);
    assert_eq!(prompts(10_000), 1);
}

#[test]
fn chunks_of_prompts_are_of_about_one_length() {
    assert_eq!(chunks(5, 2), [0..1, 1..3, 3..5]);
    assert_eq!(chunks(4, 3), [0..2, 2..4]);
    assert_eq!(chunks(300, 256), [0..150, 150..300]);
}

/// The same prompts at different lengths, each a group: positions are spots, which each group has one further on.
fn in_groups(grids: Vec<Grid>) -> SweepContext {
    let spots: Vec<Spot> =
        (0..POSITIONS).map(|number| Spot { name: format!("s{number}"), number: Some(number) }).collect();
    let shared: Arc<[Spot]> = spots.clone().into();
    let context = context(grids.into_iter().map(|grid| grid.over_spots(shared.clone())).collect());
    let longer = |tokens: &TokenMatrix| {
        let row = |prompt: u32| [vec![7; prompt as usize], tokens.row(prompt).to_vec()].concat();
        TokenMatrix::from_any_rows(&(0..4).map(row).collect::<Vec<_>>()).expect("rows")
    };
    let group = |shift: u32| Group {
        prompts: 1,
        tokens: POSITIONS + shift,
        spots: (0..POSITIONS).map(|spot| vec![spot + shift]).collect(),
    };
    let iteration = |iteration: Iteration| Iteration { corrupted: longer(&iteration.corrupted), ..iteration };
    SweepContext {
        clean: longer(&context.clean),
        iterations: context.iterations.into_iter().map(iteration).collect(),
        groups: Groups { spots, groups: (0..4).map(group).collect(), numbers: (0..4).collect() },
        ..context
    }
}

/// The ranges of the tiles of the first iteration's grids.
fn ranges_of(tiles: &[Tile]) -> BTreeSet<(u32, u32)> {
    let patches = tiles.iter().filter(|tile| tile.iteration == 0 && tile.is_patch());
    patches.map(|tile| (tile.prompts.start, tile.prompts.end)).collect()
}

#[test]
fn prompts_of_groups_that_are_too_few_for_a_tile_join_and_cost_what_they_do_alone() {
    let context = in_groups(grids());
    let cut = |target, prompts| cut(&context, options(target, prompts)).expect("few tiles");
    let (alone, costs) = cut(u64::MAX, 1);
    // The last prompt is not corrupted in iteration 0, but some grids ablate.
    assert_eq!(ranges_of(&alone), BTreeSet::from([(0, 1), (1, 2), (2, 3), (3, 4)]));
    let live = |tiles: &[Tile], iteration: u32, index: u32| -> BTreeSet<u32> {
        let of_grid = |tile: &&Tile| tile.iteration == iteration && of_grid(tile, index);
        let cells = tiles.iter().filter(of_grid).filter_map(|tile| tile.work.cells());
        cells.flat_map(|(_, cells)| cells.iter().cloned().flatten()).collect()
    };
    // Besides its cells a tile has the scores of its unpatched runs.
    let besides = |tile: &Tile| {
        let scores = CostModel::of(&context).unpatched_scores(&context.iterations[tile.iteration as usize], 1);
        if tile.is_patch() { scores * tile.prompts.len() as u64 } else { 0 }
    };
    let of_cells = |tiles: &[Tile], costs: &[u64]| -> u64 {
        tiles.iter().zip(costs).map(|(tile, cost)| cost - besides(tile)).sum()
    };
    for (prompts, ranges) in [(4, vec![(0, 4)]), (3, vec![(0, 3), (3, 4)]), (2, vec![(0, 2), (2, 4)])] {
        let (tiles, of_joined) = cut(u64::MAX, prompts);
        assert_eq!(ranges_of(&tiles), ranges.iter().copied().collect());
        assert_eq!(of_cells(&tiles, &of_joined), of_cells(&alone, &costs), "up to {prompts} prompts");
        let sections = context.iterations.len() * ranges.len();
        assert!(tiles.len() <= sections * (1 + context.grids.len()), "{} tiles", tiles.len());
        for (iteration, index) in (0..2).flat_map(|iteration| (0..12).map(move |index| (iteration, index))) {
            assert_eq!(live(&tiles, iteration, index), live(&alone, iteration, index));
        }
    }
    // Each is enough for a tile.
    assert_eq!(ranges_of(&cut(1, 4).0), ranges_of(&alone));
}

#[test]
fn a_range_of_several_groups_ends_where_one_of_its_grids_fills_a_tile() {
    let context = in_groups(vec![grid(Component::ResidPre, &[Axis::Layer, Axis::Pos])]);
    let (tiles, costs) = cut(&context, options(u64::MAX, 1)).expect("few tiles");
    let of_prompt = |prompt: u32| {
        let own = tiles
            .iter()
            .zip(&costs)
            .find(|(tile, _)| tile.iteration == 0 && tile.is_patch() && tile.prompts.start == prompt);
        own.map_or(0, |(_, &cost)| cost)
    };
    // Besides the cells of a tile there are the scores of the run that is patched.
    let besides = CostModel::of(&context).unpatched_scores(&context.iterations[0], 1);
    let cells = |prompt| of_prompt(prompt) - besides;
    let ranges = |target| ranges_of(&cut(&context, options(target, 4)).expect("few tiles").0);
    assert_eq!(ranges(cells(0) + cells(1)), BTreeSet::from([(0, 2), (2, 4)]));
    assert_eq!(ranges(cells(0) + cells(1) + 1), BTreeSet::from([(0, 3)]), "the last prompt is not corrupted");
}

#[test]
fn ranges_of_several_groups_have_no_more_tokens_than_others() {
    let long = |tokens: [u32; 4]| {
        let mut context = in_groups(Vec::new());
        for (tokens, group) in tokens.into_iter().zip(&mut context.groups.groups) {
            group.tokens = tokens;
            group.spots[4] = vec![group.tokens - 1];
        }
        let rows = tokens.map(|tokens| vec![7; tokens as usize]);
        let rows = TokenMatrix::from_any_rows(&rows).expect("rows");
        context.iterations.truncate(1);
        context.iterations[0].corrupted = rows.clone();
        context.clean = rows;
        let (tiles, _) = cut(&context, PlanOptions::default()).expect("few tiles");
        tiles.into_iter().map(|tile| tile.prompts).collect::<Vec<_>>()
    };
    assert_eq!(long([100, 101, 102, 103]), std::slice::from_ref(&(0..4)));
    assert_eq!(long([4000, 4001, 4002, 4003]), [0..2, 2..4]);
    assert_eq!(long([5000, 5001, 5002, 5003]), [0..1, 1..2, 2..3, 3..4]);
    assert_eq!(long([10, 11, 12, 8150]), [0..3, 3..4], "a long one would have the others wait for it");
}

#[test]
fn a_sweep_of_too_many_tiles_is_refused() {
    let most = u32::try_from(MOST_TILES).expect("small");
    let wide = Sizes { heads: most, ..SIZES };
    let z = Grid::new("g".into(), Component::Z, vec![Axis::Layer, Axis::Head], &Architecture::plain(wide), POSITIONS)
        .expect("a grid");
    let context = SweepContext { architecture: Architecture::plain(wide), ..context(vec![z]) };
    assert!(matches!(cut(&context, options(1, 4)), Err(PlanError::TooManyTiles { .. })));
}
