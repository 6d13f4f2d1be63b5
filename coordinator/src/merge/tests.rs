use patchsweep_proto::model::Gpt2Config;
use patchsweep_proto::status::PlanOptions;

use super::*;
use crate::plan::Inputs;
use crate::spec::{Source, Spec};

const SPEC: &str = r#"
schema = 1
name = "merge"
[model]
path = "m"
[dataset]
tokens = "t.json"
[[metric]]
kind = "logit_diff_max"
candidate_ids = [1, 2]
[[iteration]]
read = 2
[[iteration]]
read = 1
[[grid]]
component = "z"
axes = ["layer", "pos", "head"]
"#;
const TOKENS: &str = r#"{
    "clean": [[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1], [2, 2, 2]],
    "corrupted": [[[0, 2, 3], [0, 5, 6], [0, 8, 9], [0, 1, 1], [0, 2, 2]],
                  [[0, 2, 3], [0, 5, 6], [0, 8, 9], [0, 1, 1], [0, 2, 2]]],
    "answers": [[1, 2], [1, 2], [1, 2], [1, 2], [1, 2]]}"#;
const CONFIG: &str = r#"{"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 4, "vocab_size": 10,
    "n_positions": 3}"#;

fn plan(options: PlanOptions) -> Plan {
    let source = Source::new(SPEC);
    let spec = Spec::parse(&source).expect("a spec");
    let config = Gpt2Config::from_json(CONFIG).expect("a config");
    let inputs = Inputs { source: &source, spec: &spec, dataset: TOKENS, config: &config, tokenizer: None };
    Plan::build(&inputs, options).expect("a plan")
}

/// A metric that tells iteration, cell and prompt.
fn value(iteration: u32, place: u32, prompt: u32) -> f32 {
    let number = u16::try_from(1000 * iteration + 10 * place + prompt * prompt).expect("small");
    f32::from(number)
}

fn place(index: &[u32]) -> u32 {
    index.iter().zip([2, 3, 2]).fold(0, |place, (&i, extent)| place * extent + i)
}

fn scores(tile: &patchsweep_proto::tile::Tile) -> TileScores {
    let score = |place: u32| {
        let values: Vec<f32> = tile.prompts.clone().map(|prompt| value(tile.iteration, place, prompt)).collect();
        CellScore::of(&values, &vec![1.0; values.len()])
    };
    let scores = match &tile.work {
        TileWork::Baseline => vec![score(50), score(60)],
        TileWork::Patch { cells, .. } => indices(cells).iter().map(|index| score(place(index))).collect(),
    };
    TileScores { metrics: 1, scores }
}

fn merged(options: PlanOptions, backwards: bool) -> Merged {
    let plan = plan(options);
    let mut store = ScoreStore::new(plan.tiles.len());
    let mut order: Vec<_> = plan.tiles.iter().collect();
    if backwards {
        order.reverse();
    }
    for tile in order {
        let scores = scores(tile);
        check_scores(&plan, tile.id, &scores).expect("scores that fit");
        store.keep(tile.id, scores);
    }
    store.merge(&plan)
}

#[test]
fn every_score_lands_in_its_cell_whatever_the_cut_and_the_order_of_arrival() {
    // Over prompts 0 to 4 the squares have the mean 6 and the centred second moment 174.
    let whole = merged(PlanOptions::default(), false);
    assert_eq!(whole.clean, [[506.0, 1506.0]]);
    assert_eq!(whole.corrupted, [[606.0, 1606.0]]);
    let grid = &whole.grids[0];
    assert_eq!(grid.extents, [2, 3, 2]);
    let wanted: Vec<f32> = (0..24).map(|i| value(i / 12, i % 12, 0) + 6.0).collect();
    assert_eq!(grid.value, wanted);
    assert_eq!(grid.effect, wanted.iter().map(|value| value - 1.0).collect::<Vec<_>>());
    assert!(grid.stderr.iter().all(|stderr| (stderr - (174.0f32 / 20.0).sqrt()).abs() < 1e-5));
    assert!(grid.count.iter().all(|&count| count == 5));

    let fine = PlanOptions { tile_multiply_adds: Some(1), tile_prompts: Some(2) };
    assert_eq!(merged(fine, true), merged(fine, false), "bit for bit");
    let grid = &merged(fine, true).grids[0];
    let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
    assert!(grid.value.iter().zip(&wanted).all(close));
}

#[test]
fn scores_of_other_cells_or_too_few_prompts_do_not_fit() {
    let plan = plan(PlanOptions::default());
    let tile = plan.tiles.last().expect("tiles");
    let mut short = scores(tile);
    short.scores.pop();
    assert!(check_scores(&plan, tile.id, &short).is_err());
    let mut few = scores(tile);
    few.scores[0] = CellScore::of(&[1.0], &[1.0]);
    assert!(check_scores(&plan, tile.id, &few).is_err());
    assert!(check_scores(&plan, TileId(1000), &scores(tile)).is_err());
}
