//! What merging a large sweep takes. A process of its own, because peaks are the process's.

use std::convert::Infallible;
use std::fs;

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::SweepId;
use patchsweep_core::results::CellStatus;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::Tile;
use patchsweep_plan::Plan;
use patchsweep_plan::fixtures::plan_of;
use patchsweep_proto::wire::encode_results;
use patchsweep_serve::manifest::{RunFacts, manifest};
use patchsweep_serve::merge::{TileOutcome, merge};

/// 64 layers x 125 positions x 125 heads: 1,000,000 cells.
const SPEC: &str = r#"
schema = 1
name = "large"
[model]
path = "m"
[dataset]
tokens = "t.json"
[[metric]]
kind = "logit_diff_max"
candidate_ids = [1, 2]
[[iteration]]
read = 124
[[grid]]
component = "z"
axes = ["layer", "pos", "head"]
"#;

const CONFIG: &str = r#"{"model_type": "gpt2", "n_layer": 64, "n_head": 125, "n_embd": 125, "vocab_size": 10,
    "n_positions": 125}"#;

const CELLS: usize = 1_000_000;

fn plan() -> Plan {
    let row = |first: u32| std::iter::once(first).chain(std::iter::repeat_n(1, 124)).collect::<Vec<u32>>();
    let tokens = serde_json::json!({
        "clean": [row(2), row(3)], "corrupted": [[row(4), row(5)]], "answers": [[1], [1]],
    });
    plan_of(SPEC, CONFIG, &tokens.to_string(), PlanOptions::default())
}

fn scores(tile: &Tile) -> TileScores {
    let cell = |cell: usize| {
        let number = f32::from(u16::try_from(cell % 1000).expect("small"));
        CellScore::of(&[number, number + 1.0], &[0.5, 0.25])
    };
    TileScores { metrics: 1, scores: (0..tile.cell_count()).map(cell).collect(), by_prompt: Vec::new() }
}

/// A figure in MiB of what the system says of this process.
fn memory_mib(figure: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the process's status");
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).expect("the figure");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") >> 10
}

#[test]
fn a_million_cells_are_merged_and_encoded_within_fifty_mebibytes() {
    let plan = plan();
    let before = memory_mib("VmRSS");
    let lost = plan.tiles.len() / 2;
    let outcome = |tile: &Tile| {
        let is_lost = tile.id.0 as usize == lost;
        let outcome = if is_lost { TileOutcome::GivenUp } else { TileOutcome::Scores(scores(tile)) };
        Ok::<_, Infallible>((tile.id, outcome))
    };
    let merged = merge(&plan, plan.tiles.iter().map(outcome)).expect("all tiles");
    let after_merge = memory_mib("VmHWM");
    let grid = &merged.grids[0];
    assert_eq!(grid.effect.len(), CELLS);
    let failed = grid.status.iter().filter(|&&status| status == CellStatus::Failed).count();
    assert!(failed >= plan.tiles[lost].cell_count(), "{failed} cells failed");

    let facts = RunFacts::new(SweepId("large".into()), Digest::of(b"dataset"));
    let results = merged.into_results(&plan, manifest(&plan, &facts).to_string());
    let encoded = encode_results(results);
    let after_encoding = memory_mib("VmHWM");
    println!(
        "before {before} MiB, peak of the merge {after_merge}, of the encoding {after_encoding}, {} tiles, {} MiB encoded",
        plan.tiles.len(),
        encoded.len() >> 20
    );
    assert!(after_merge - before <= 50, "the merge took {} MiB", after_merge - before);
    assert!(after_encoding - before <= 50, "with the encoding {} MiB", after_encoding - before);
}
