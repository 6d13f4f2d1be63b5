//! What a client sees of where work is.

use patchsweep_core::grid::Axis;
use patchsweep_core::scores::{CacheStats, MemoryUse};
use patchsweep_core::tile::TileWork;
use patchsweep_proto::v1::worker_message::Message as FromWorker;
use patchsweep_proto::v1::{Grant, Heartbeat};
use patchsweep_tests::scripted::{tile_of, within};
use serde_json::Value;

use super::stage::Stage;

/// How many tiles the sweep has.
fn tiles(stage: &Stage) -> u32 {
    u32::try_from(stage.tiny.plan().tiles.len()).expect("a small sweep")
}

/// The first cell of a tile, in words; `None` of baselines.
fn words(stage: &Stage, tile: u32) -> Option<Vec<String>> {
    let plan = stage.tiny.plan();
    let tile = &plan.tiles[tile as usize];
    let TileWork::Patch { grid, cells, .. } = &tile.work else { return None };
    let grid = &plan.context.grids[*grid as usize];
    let cell = grid.cell(cells.first()?.start);
    let index = |&axis: &Axis| format!("{axis}={}", cell.indices(axis)[0]);
    let place = [grid.name.clone(), tile.iteration.to_string()];
    Some(place.into_iter().chain(grid.axes.iter().map(index)).collect())
}

async fn explain(stage: &Stage, id: &str, words: &[String]) -> Value {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = stage.served.patchsweep(&[&["explain", id, "--output", "json"], &words[..]].concat()).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    serde_json::from_str(&output.out).expect("JSON")
}

/// What `explain` says of one of a cell's tiles.
async fn tile(stage: &Stage, id: &str, number: u32) -> Value {
    let words = words(stage, number).expect("a tile of a grid");
    let explained = explain(stage, id, &words).await;
    let tiles = explained["cell"]["tiles"].as_array().expect("tiles").clone();
    tiles.into_iter().find(|tile| tile["tile"] == number).expect("the tile is one of the cell's")
}

#[tokio::test]
async fn a_cell_is_followed_from_waiting_to_done() {
    let stage = Stage::new().await;
    let id = stage.submitted(&[]).await;
    let alone = explain(&stage, &id, &[]).await;
    assert_eq!((&alone["state"], &alone["cell"]), (&"running".into(), &Value::Null));
    assert!(alone["idle_because"][0].as_str().is_some_and(|why| why.starts_with("no worker is connected")), "{alone}");

    let mut worker = stage.served.named_worker("first:1", 1).await;
    let mut grant = worker.grant().await;
    while words(&stage, tile_of(&grant)).is_none() {
        worker.report(&stage.tiny, &grant).await;
        worker.acknowledged(grant.lease.as_ref()).await;
        grant = worker.grant().await;
    }
    let number = tile_of(&grant);
    let waiting = (number + 1..tiles(&stage)).find(|&tile| words(&stage, tile).is_some()).expect("another tile");
    assert_eq!(tile(&stage, &id, waiting).await["state"], "waiting");
    let leased = tile(&stage, &id, number).await;
    assert_eq!((&leased["state"], &leased["holders"][0]["worker"]), (&"leased".into(), &"first:1".into()));
    assert_eq!(explain(&stage, &id, &[]).await["idle_because"], Value::Array(Vec::new()), "it is being computed");

    worker.fail(&grant, "no memory").await;
    worker.acknowledged(grant.lease.as_ref()).await;
    let again: Grant = worker.grant().await;
    assert_eq!(tile_of(&again), number, "what failed comes first");
    worker.report(&stage.tiny, &again).await;
    worker.acknowledged(again.lease.as_ref()).await;
    let done = tile(&stage, &id, number).await;
    assert_eq!((&done["state"], &done["result"]["attempt"]), (&"done".into(), &2.into()));
    assert_eq!(done["result"]["worker"], "first:1");
    assert!(done["result"]["unix_seconds"].as_f64().is_some_and(|at| at > 1e9), "{done}");
    assert_eq!((&done["attempts"][0]["reason"], &done["attempts"][0]["attempt"]), (&"no memory".into(), &1.into()));
    let failures = &explain(&stage, &id, &[]).await["failures"];
    assert_eq!((&failures[0]["reason"], &failures[0]["tiles"]), (&"no memory".into(), &serde_json::json!([number])));
    stage.served.stop().await;
}

#[tokio::test]
async fn a_tile_that_was_given_up_has_its_attempts_and_the_sweep_its_reason() {
    let stage = Stage::new().await;
    let mut worker = stage.served.named_worker("broken:1", 1).await;
    let id = stage.submitted(&[]).await;
    let bad = (0..tiles(&stage)).find(|&tile| words(&stage, tile).is_some()).expect("a tile of a grid");
    let playing = worker.play(|grant| {
        use patchsweep_proto::v1::FailureKind;
        use patchsweep_tests::scripted::{failure, result};
        let is_bad = tile_of(grant) == bad;
        Some(if is_bad { failure(grant, FailureKind::Attempt, "no memory") } else { result(&stage.tiny, grant) })
    });
    let watched = super::stage::during(playing, stage.served.patchsweep(&["watch", &id])).await;
    assert_eq!(watched.code, Some(3), "{watched:?}");
    let failed = tile(&stage, &id, bad).await;
    assert_eq!((&failed["state"], failed["attempts"].as_array().map(Vec::len)), (&"failed".into(), Some(3)));
    let output = stage.served.patchsweep(&["explain", &id]).await;
    assert!(output.out.contains("1 tiles failed on every attempt, the others are done"), "{output:?}");
    assert!(output.out.contains(&format!("3 attempts failed at t{bad} on broken:1: no memory")), "{output:?}");
    assert!(output.out.contains(&format!("`patchsweep resume {id}`")), "{output:?}");
    stage.served.stop().await;
}

#[tokio::test]
async fn a_cell_without_effect_says_why_nobody_computes_it() {
    let stage = Stage::new().await;
    let id = stage.submitted(&[]).await;
    let output = stage.served.patchsweep(&["explain", &id, "resid_pre", "0", "1.0"]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.out.contains("no worker computes it over all prompts"), "{output:?}");
    assert!(output.out.contains("position 0 comes before the first corrupted one"), "{output:?}");
    stage.served.stop().await;
}

#[tokio::test]
async fn words_that_name_no_cell_are_refused_with_what_there_is() {
    let stage = Stage::new().await;
    let id = stage.submitted(&[]).await;
    let refusals = [
        (&["q"][..], "no grid `q`; the sweep's grids are `resid_pre`, `z`"),
        (&["z", "7", "0.0"], "no iteration `7`; give one of the labels `Iteration 0`, `Iteration 1`"),
        (&["z", "0", "9.0"], "grid `z` has no layer 9; it has 0-3"),
        (&["z", "0", "1"], "for instance `z 1 0 0`"),
    ];
    for (words, wanted) in refusals {
        let output = stage.served.patchsweep(&[&["explain", &id], words].concat()).await;
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.err.contains(wanted) && output.err.lines().count() <= 5, "{output:?}");
    }
    assert_eq!(stage.served.patchsweep(&["explain", "none"]).await.code, Some(1));
    stage.served.stop().await;
}

#[tokio::test]
async fn workers_say_what_they_take_and_have_in_hand() {
    let stage = Stage::new().await;
    let mut worker = stage.served.named_worker("busy:1", 1).await;
    let id = stage.submitted(&[]).await;
    let grant = worker.grant().await;
    let cache = CacheStats { hits: 3, misses: 1, evictions: 0, bytes: 4, budget_bytes: 5 };
    let memory = MemoryUse { used: 6 << 20, budget: 7 << 20 };
    let heartbeat = Heartbeat {
        cache: Some(cache.into()),
        memory: Some(memory.into()),
        in_hand: grant.lease.clone(),
        memory_retries: 2,
        loaded: None,
    };
    worker.say(FromWorker::Heartbeat(heartbeat)).await;
    let reported = async {
        loop {
            let output = stage.served.patchsweep(&["workers", "--output", "json"]).await;
            let workers: Value = serde_json::from_str(&output.out).expect("JSON");
            if workers["workers"][0]["memory_budget_bytes"] == 7 << 20 {
                return workers["workers"][0].clone();
            }
        }
    };
    let reported = within("the heartbeat", reported).await;
    assert_eq!((&reported["memory_used_bytes"], &reported["cache"]["hits"]), (&(6 << 20).into(), &3.into()));
    let hand = &reported["hand"];
    assert_eq!((&hand["sweep"], &hand["tile"]), (&id.clone().into(), &tile_of(&grant).into()));
    let grid = stage.grid_of(tile_of(&grant)).unwrap_or("baselines");
    assert_eq!((&hand["grid"], &hand["iteration"]), (&grid.into(), &"Iteration 0".into()));
    assert_eq!(hand["memory_retries"], 2);
    let table = stage.served.patchsweep(&["workers"]).await.out;
    let row: Vec<&str> = table.lines().nth(1).expect("a row").split_whitespace().collect();
    assert!(row.contains(&"6.0MiB/7.0MiB") && row.contains(&"75%"), "{table}");
    assert!(row.iter().any(|column| column.contains(":baselines,") && column.ends_with(",2-retries")), "{table}");
    stage.served.stop().await;
}
