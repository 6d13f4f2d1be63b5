use std::sync::Arc;

use patchsweep_core::context::Direction;
use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Attempt, SweepId, TileId};
use patchsweep_core::metric::{Difference, MetricKind, Reduce, ReducedSets, TokenScore};
use patchsweep_core::scores::{CacheStats, WorkDone};
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::TileWork;
use patchsweep_core::token_sets::TokenSets;
use patchsweep_plan::fixtures;

use super::*;

/// The example, denoising with noise, another metric, and a restricted grid that ablates.
fn plan() -> Plan {
    let mut plan = fixtures::plan(PlanOptions { tile_multiply_adds: None, tile_prompts: Some(3), for_gpus: false });
    plan.kept_answers = vec![Some(2), None];
    plan.warnings = vec!["a warning".to_owned()];
    let context = Arc::make_mut(&mut plan.context);
    context.direction = Direction::Denoising;
    context.tf32 = true;
    context.iterations[0].reads = vec![1, 2];
    context.iterations[0].noise = Some(Noise { positions: vec![0], scale: 3.0, seed: 7 });
    context.metrics.push(Metric { name: "distance".into(), kind: MetricKind::Kl, normalize: true });
    let right = ReducedSets { sets: TokenSets::new(vec![3, 1], [2]).expect("a set"), reduce: Reduce::Sum };
    let kind = MetricKind::Difference(Difference { of: TokenScore::Prob, right, wrong: None });
    context.metrics.push(Metric { name: "two".into(), kind, normalize: false });
    let grid = context.grids[0].clone().restricted(Axis::Head, vec![1]).expect("a head");
    context.grids[0] = grid.patched_with(patchsweep_core::grid::PatchValue::Mean);
    // Cells that the grid still has.
    for tile in &mut plan.tiles {
        if let TileWork::Patch { cells, .. } = &mut tile.work {
            *cells = vec![0..1, 1..2];
        }
    }
    plan
}

fn facts() -> RunFacts {
    RunFacts::new(SweepId("s".into()), Digest::of(b"dataset"))
}

fn tile<'a>(worker: &'a str, device: &'a str) -> TileFacts<'a> {
    TileFacts {
        worker,
        device,
        model: Digest::of(b"model"),
        notes: &[],
        busy_seconds: 0.5,
        work: WorkDone { multiply_adds: 40, libtorch_calls: 7, memory_retries: 1, streamed_bytes: 5 },
        cache: CacheStats { hits: 3, misses: 2, evictions: 1, bytes: 7, budget_bytes: 9 },
    }
}

fn attempt(number: u32, worker: &str, reason: &str) -> FailedAttempt {
    FailedAttempt { attempt: Attempt(number), worker: worker.to_owned(), reason: reason.to_owned() }
}

#[test]
fn what_workers_found_in_weights_is_a_warning_that_is_given_once() {
    let mut facts = facts();
    let notes = ["a warning".to_owned(), "found".to_owned()];
    facts.add_tile(&TileFacts { notes: &notes, ..tile("w:1", "cpu") });
    facts.add_tile(&TileFacts { notes: &notes, ..tile("w:2", "cpu") });
    assert_eq!(manifest(&plan(), &facts)["warnings"], json!(["a warning", "found"]));
}

#[test]
fn a_manifest_says_what_decided_the_scores() {
    let manifest = manifest(&plan(), &facts());
    assert_eq!(manifest["manifest_version"], 4);
    assert_eq!(manifest["sweep"]["id"], "s");
    assert_eq!(manifest["model"]["digest"], Value::Null);
    assert_eq!(manifest["direction"], "denoising");
    assert_eq!(manifest["warnings"], json!(["a warning"]));
    assert_eq!(manifest["model"]["tf32"], true);
    let iteration = &manifest["iterations"][0];
    assert_eq!(iteration["reads"], json!([1, 2]));
    assert_eq!(iteration["noise"], json!({ "positions": [0], "scale": 3.0, "seed": 7 }));
    assert_eq!(iteration["kept_answers"], 2);
    assert_eq!(manifest["iterations"][1]["noise"], Value::Null);
    assert_eq!(manifest["iterations"][1]["kept_answers"], Value::Null);
    assert_eq!(
        manifest["metrics"],
        json!([
            { "name": "logit_diff_max", "kind": "logit_diff_max", "candidate_ids": [1, 2], "sets": null, "normalize": false },
            { "name": "distance", "kind": "kl", "candidate_ids": [], "sets": null, "normalize": true },
            { "name": "two", "kind": "difference", "candidate_ids": [], "normalize": false, "sets": {
                "metric": "two", "of": "prob", "wrong": null,
                "right": { "reduce": "sum", "sets": 1, "largest": 2, "first_prompt": { "count": 2, "tokens": [
                    { "id": 3, "text": null }, { "id": 1, "text": null },
                ] } },
            } },
        ])
    );
}

#[test]
fn a_manifest_knows_prompts_by_a_digest_and_dictionaries_by_their_model() {
    let plan = fixtures::plan_of_features(PlanOptions::default());
    let described = manifest(&plan, &facts());
    let prompts = plan.prompts.to_hex();
    assert_eq!(described["dataset"]["prompts_digest"], prompts);
    assert_eq!(described["dictionaries"][0]["model"], "m-small");
    // Whatever is patched, these are the same prompts.
    let other = self::plan();
    assert_eq!(manifest(&other, &facts())["dataset"]["prompts_digest"], prompts);
}

#[test]
fn replicates_and_what_statistics_are_made_with_are_described() {
    let mut plan = plan();
    let described = manifest(&plan, &facts());
    assert_eq!(
        (&described["dataset"]["replicates"], &described["dataset"]["replicate_seeds"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(
        (&described["statistics"]["interval"], &described["statistics"]["resamples"]),
        (&json!("normal"), &Value::Null)
    );
    let context = Arc::make_mut(&mut plan.context);
    context.replicates = 2;
    context.per_prompt = true;
    context.iterations = context.iterations.iter().flat_map(|one| [one.clone(), one.clone()]).collect();
    plan.seeds.corruption = Some(7);
    let described = manifest(&plan, &facts());
    assert_eq!(described["dataset"]["replicate_seeds"], json!([7, 8]));
    assert_eq!(
        (described["iterations"].as_array().map(Vec::len), &described["grids"][0]["shape"][0]),
        (Some(2), &json!(2))
    );
    assert_eq!(
        (&described["statistics"]["interval"], &described["statistics"]["resamples"]),
        (&json!("bootstrap"), &json!(2000))
    );
    assert_eq!(
        (&described["statistics"]["confidence"], &described["statistics"]["false_discovery_rate"]),
        (&json!(0.95), &json!(0.05))
    );
}

#[test]
fn a_grid_has_the_coordinates_of_its_axes_and_says_what_is_patched_at_once() {
    let mut plan = plan();
    let grid = &manifest(&plan, &facts())["grids"][0];
    assert_eq!((&grid["value"], &grid["shape"]), (&json!("mean"), &json!([2, 2, 3, 1])));
    assert_eq!(grid["coordinates"], json!({ "layer": [0, 1], "pos": [0, 1, 2], "head": [1] }));
    assert_eq!(grid["patched_at_once"], json!({}));
    let summary = &plan.summarize()[0];
    assert_eq!((&grid["cells"], &grid["noops"]), (&json!(summary.cells), &json!(summary.noops)));
    let costs = (&grid["multiply_adds"], &grid["multiply_adds_naive"]);
    assert_eq!(costs, (&json!(summary.multiply_adds), &json!(summary.multiply_adds_naive)));

    Arc::make_mut(&mut plan.context).grids[0].axes.remove(1);
    assert_eq!(manifest(&plan, &facts())["grids"][0]["patched_at_once"], json!({ "pos": [0, 1, 2] }));
}

#[test]
fn a_worker_s_tiles_add_up_by_its_name_and_device() {
    let mut facts = facts();
    let mut later = tile("a:1", "cpu");
    later.cache = CacheStats { hits: 1, misses: 0, evictions: 0, bytes: 5, budget_bytes: 9 };
    for tile in [tile("a:1", "cpu"), tile("b:2", "cuda:0"), later] {
        facts.add_tile(&tile);
    }
    let manifest = manifest(&plan(), &facts);
    assert_eq!(manifest["model"]["digest"], Digest::of(b"model").to_hex());
    let run = &manifest["run"];
    assert_eq!(run["executed_multiply_adds"], 120);
    let cache = json!({ "hits": 4, "misses": 2, "evictions": 1, "bytes": 7, "budget_bytes": 9 });
    let first = json!({ "name": "a:1", "device": "cpu", "tiles": 2, "busy_seconds": 1.0, "multiply_adds": 80,
                        "libtorch_calls": 14, "memory_retries": 2, "streamed_bytes": 10, "cache": cache });
    assert_eq!(run["workers"][0], first);
    assert_eq!((&run["workers"][1]["name"], &run["workers"][1]["tiles"]), (&json!("b:2"), &json!(1)));
}

#[test]
fn a_tile_that_was_given_up_is_described_with_its_attempts() {
    let plan = plan();
    let is_patch = |tile: &&patchsweep_core::tile::Tile| tile.work != TileWork::Baseline && tile.iteration == 1;
    let patch = plan.tiles.iter().find(is_patch).expect("a patch");
    let mut facts = facts();
    facts.add_failure(patch.id, [attempt(1, "a:1", "no memory"), attempt(2, "b:2", "still none")]);
    facts.add_failure(TileId(0), [attempt(3, "a:1", &"x".repeat(5000))]);
    (facts.results_dropped, facts.tiles_recomputed) = (4, 2);
    let run = &manifest(&plan, &facts)["run"];
    assert_eq!(
        (&run["tiles_failed"], &run["results_dropped"], &run["tiles_recomputed"]),
        (&json!(2), &json!(4), &json!(2))
    );
    let first = &run["failures"][0];
    assert_eq!((&first["work"], &first["grid"]), (&json!("patch"), &json!("z")));
    assert_eq!((&first["iteration"], &first["cells"]), (&json!("Iteration 1"), &json!(patch.cell_count())));
    assert_eq!(first["prompts"], json!([patch.prompts.start, patch.prompts.end]));
    assert_eq!(first["reason"], "still none");
    assert_eq!(first["attempts"][0], json!({ "attempt": 1, "worker": "a:1", "reason": "no memory" }));
    let second = &run["failures"][1];
    assert_eq!((&second["work"], &second["grid"], &second["cells"]), (&json!("baseline"), &Value::Null, &json!(2)));
    assert_eq!(second["reason"].as_str().map(str::len), Some(1000));
}

#[test]
fn however_many_tiles_fail_the_manifest_stays_small() {
    let mut facts = facts();
    for _ in 0..=MOST_FAILURES {
        facts.add_failure(TileId(0), [attempt(1, "a:1", "no memory")]);
    }
    let run = &manifest(&plan(), &facts)["run"];
    assert_eq!(run["failures"].as_array().map(Vec::len), Some(MOST_FAILURES));
    assert_eq!(run["tiles_failed"], MOST_FAILURES + 1);
}
