//! A worker whose scores are wrong for one tile, and another one that checks them.

use std::collections::BTreeMap;

use patchsweep_core::moments::Moments;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_proto::v1::{Grant, TileResult};
use patchsweep_tests::scripted::{CommandOutput, Served, result, scored, scores, tile_of};
use patchsweep_tests::tiny::{TILE_MULTIPLY_ADDS, TILE_PROMPTS, Tiny};

/// A tile of the tiny sweep that computes cells.
fn wrong_tile(tiny: &Tiny) -> &Tile {
    tiny.plan().tiles.iter().rfind(|tile| tile.work != TileWork::Baseline).expect("a tile of cells")
}

/// What a worker says of a tile of the sweep itself, `wrong` where its scores of that tile are.
pub(super) fn computed(tiny: &Tiny, grant: &Grant, wrong: Option<u32>) -> TileResult {
    if wrong != Some(tile_of(grant)) {
        return result(tiny, grant);
    }
    let mut wrong = scores(tiny, grant);
    for score in &mut wrong.scores {
        score.effect.mean += 0.25;
        score.value.mean += 0.25;
    }
    scored(grant, &wrong)
}

/// The scores of a check's tile: those of the sweep's tiles, and this effect where it has none.
pub(super) fn plain(tiny: &Tiny, grant: &Grant, of_noops: f64) -> TileResult {
    let mut known: BTreeMap<(u32, u32, u32, u32), CellScore> = BTreeMap::new();
    let mut unpatched: BTreeMap<(u32, u32), CellScore> = BTreeMap::new();
    for tile in &tiny.plan().tiles {
        let scores = patchsweep_tests::simulation::made_up_scores(tile, 1).scores;
        match &tile.work {
            TileWork::Baseline => drop(unpatched.insert((tile.iteration, tile.prompts.start), scores[0])),
            TileWork::Patch { grid, cells, .. } => {
                let cells =
                    cells.iter().cloned().flatten().map(|cell| (tile.iteration, tile.prompts.start, *grid, cell));
                known.extend(cells.zip(scores));
            }
            TileWork::Estimate { .. } | TileWork::Activity { .. } => panic!("the tiny sweep computes all effects"),
        }
    }
    let tile = Tile::try_from(grant.tile.clone().expect("a tile")).expect("a tile of the check");
    let TileWork::Patch { grid, cells, plain: true } = &tile.work else { panic!("{tile:?} is not plain") };
    let score = |cell: u32| {
        let left = unpatched[&(tile.iteration, tile.prompts.start)];
        let effect = Moments { mean: of_noops, m2: 0.0, ..left.effect };
        let known = known.get(&(tile.iteration, tile.prompts.start, *grid, cell));
        known.copied().unwrap_or(CellScore { effect, ..left })
    };
    scored(
        grant,
        &TileScores { metrics: 1, scores: cells.iter().cloned().flatten().map(score).collect(), by_prompt: Vec::new() },
    )
}

/// What the check of a sweep says that one worker computed, wrong in a tile or not, and another checked, which finds this
/// effect of no-ops.
async fn check(tiny: &Tiny, wrong: Option<u32>, of_noops: f64) -> CommandOutput {
    let served = Served::in_memory(tiny).await;
    let mut computer = served.named_worker("computer:1", 2).await;
    let spec = tiny.spec_file();
    let (multiply_adds, prompts) = (TILE_MULTIPLY_ADDS.to_string(), TILE_PROMPTS.to_string());
    let tiles = ["--tile-multiply-adds", &multiply_adds, "--tile-prompts", &prompts];
    let submit = [&["submit", spec.to_str().expect("a plain path"), "--wait"], &tiles[..]].concat();
    let output = tokio::select! {
        output = served.patchsweep(&submit) => output,
        () = computer.play(|grant| Some(computed(tiny, grant, wrong))) => panic!("the session ended"),
    };
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut checker = served.named_worker("checker:2", 1).await;
    let output = tokio::select! {
        output = served.patchsweep(&["check", &output.out, "--cells", "1000"]) => output,
        () = computer.play(|grant| panic!("{grant:?} to the worker that computed it")) => panic!("the session ended"),
        () = checker.play(|grant| Some(plain(tiny, grant, of_noops))) => panic!("the session ended"),
    };
    served.stop().await;
    output
}

#[tokio::test]
async fn right_scores_agree() {
    let output = check(&Tiny::new(), None, 0.0).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.out.contains("computed by  computer:1\nchecked by   checker:2\n"), "{output:?}");
}

#[tokio::test]
async fn wrong_scores_are_found_and_named_with_their_workers() {
    let tiny = Tiny::new();
    let wrong = wrong_tile(&tiny);
    let output = check(&tiny, Some(wrong.id.0), 0.0).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.out.contains("do NOT agree"), "{output:?}");
    let TileWork::Patch { grid, cells, .. } = &wrong.work else { panic!("a tile of cells") };
    let grid = &tiny.plan().context.grids[*grid as usize];
    let label = &tiny.plan().iteration_labels[wrong.iteration as usize];
    let named = cells.iter().cloned().flatten().any(|cell| {
        let cell = grid.cell(cell);
        let head = cell.indices(patchsweep_core::grid::Axis::Head)[0];
        output.err.contains(&format!("{}, {label}, {}.{head}:", grid.name, cell.layer()))
    });
    assert!(named, "{output:?}");
    for part in ["by computer:1", "by checker:2 in plain forward passes", "submit --new"] {
        assert!(output.err.contains(part), "{part} in {output:?}");
    }
    // `error: `, and no more lines than can be read at a glance.
    let error: Vec<&str> = output.err.lines().skip_while(|line| !line.starts_with("error: ")).collect();
    assert!((2..=5).contains(&error.len()), "{error:?}");
}

#[tokio::test]
async fn an_effect_of_what_the_plan_calls_a_noop_is_found() {
    let output = check(&Tiny::new(), None, 0.5).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains("effect 0 by the plan: a no-op\n  effect 0.5 by checker:2"), "{output:?}");
}
