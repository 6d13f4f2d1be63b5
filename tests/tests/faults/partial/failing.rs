//! Tiles that fail on every attempt.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use patchsweep_proto::v1::{FailureKind, Grant};
use patchsweep_tests::Scores;
use patchsweep_tests::scripted::{CommandOutput, failure, result, tile_of};
use serde_json::{Value, json};

use super::stage::{Stage, during};

const CREW: [&str; 3] = ["ada:1", "bob:2", "cyd:3"];

/// Three workers compute all tiles but some, until the client's command ends.
async fn fail_on(stage: &Stage, bad: &[u32], client: impl Future<Output = CommandOutput>) -> CommandOutput {
    let answer = |name: &'static str| {
        move |grant: &Grant| {
            let reason = format!("no memory on {name}");
            let is_bad = bad.contains(&tile_of(grant));
            Some(if is_bad { failure(grant, FailureKind::Attempt, &reason) } else { result(&stage.tiny, grant) })
        }
    };
    let [mut ada, mut bob, mut cyd] = [
        stage.served.named_worker(CREW[0], 1).await,
        stage.served.named_worker(CREW[1], 1).await,
        stage.served.named_worker(CREW[2], 1).await,
    ];
    let [a, b, c] = CREW.map(answer);
    let playing = Box::pin(async { tokio::join!(ada.play(a), bob.play(b), cyd.play(c)) });
    during(playing, client).await
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).expect("a manifest")).expect("JSON")
}

/// A failed tile in the manifest: three attempts on three workers, each with its reason.
fn assert_reported(failure: &Value) {
    let attempts = failure["attempts"].as_array().expect("attempts");
    let numbers: Vec<&Value> = attempts.iter().map(|attempt| &attempt["attempt"]).collect();
    assert_eq!(json!(numbers), json!([1, 2, 3]));
    for attempt in attempts {
        let worker = attempt["worker"].as_str().expect("a worker");
        assert_eq!(attempt["reason"], json!(format!("no memory on {worker}")));
    }
    let workers: BTreeSet<&str> = attempts.iter().filter_map(|attempt| attempt["worker"].as_str()).collect();
    assert_eq!(workers, BTreeSet::from(CREW));
    assert_eq!(failure["reason"], attempts[2]["reason"]);
}

/// Commands that ask for the sweep report that it is partial, and why.
async fn assert_partial(stage: &Stage, id: &str, failed: usize) {
    let output = stage.served.patchsweep(&["watch", id]).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.err.contains("is partial") && output.err.contains("no memory on"), "{output:?}");
    assert!(output.err.contains(&format!("`patchsweep resume {id}`")), "{output:?}");
    let output = stage.served.patchsweep(&["status", id]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let columns: Vec<&str> = output.out.lines().nth(1).expect("a row").split_whitespace().collect();
    let done = format!("{}/{}", stage.tiles() - failed, stage.tiles());
    assert_eq!((columns[1], columns[5], columns[6]), ("partial", &*done, &*failed.to_string()));
    assert!(output.out.contains("is partial: tile") && output.out.contains("no memory on"), "{output:?}");
}

#[tokio::test]
async fn a_tile_that_fails_on_every_attempt_costs_its_own_cells_until_it_is_resumed() {
    let stage = Stage::new().await;
    let bad = [stage.tile(Some("resid_pre"), 0), stage.tile(Some("z"), 1)];
    let output = fail_on(&stage, &bad, stage.submit(&["--wait"])).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    let id = output.out;
    assert_partial(&stage, &id, bad.len()).await;

    let (output, folder) = stage.results(&id).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.err.contains("warning: resid_pre: ") && output.err.contains("warning: z: "), "{output:?}");
    stage.assert_failed(&folder, &bad.iter().map(|&tile| stage.places(tile)).collect());
    let manifest = manifest(&folder);
    let failures = manifest["run"]["failures"].as_array().expect("a list");
    assert_eq!(failures.iter().map(|failure| failure["tile"].clone()).collect::<Vec<_>>(), bad.map(Value::from));
    failures.iter().for_each(assert_reported);
    let report = fs::read_to_string(folder.join("report.html")).expect("a report");
    for (failure, tile) in failures.iter().zip(bad) {
        let cells = stage.places(tile).1.len();
        let reason = failure["reason"].as_str().expect("text");
        let warning = report
            .lines()
            .find(|line| line.contains(&format!("cells failed (status 3): {reason}. They are dark grey.")));
        assert!(warning.is_some_and(|line| line.contains(&format!(">{cells} of "))), "{warning:?} for {cells} cells");
    }
    let counted = |&tile: &u32| report.contains(&format!("; {} failed (", stage.places(tile).1.len()));
    assert!(bad.iter().all(counted), "the cells of each grid are counted");

    let output = stage.served.patchsweep(&["resume", &id]).await;
    assert!(output.code == Some(0) && output.out.contains("running"), "{output:?}");
    let granted: Vec<u32> = stage.finish(&id).await.iter().map(|lease| lease.tile_id).collect();
    assert_eq!(granted, bad, "nothing that was computed is computed again");
    stage.assert_whole(&id).await;
    stage.served.stop().await;
}

#[tokio::test]
async fn a_baseline_that_fails_leaves_the_patched_cells_as_they_are() {
    let stage = Stage::new().await;
    let bad = stage.tile(None, 0);
    let output = fail_on(&stage, &[bad], stage.submit(&["--wait"])).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert_partial(&stage, &output.out, 1).await;
    let id = output.out;
    let (output, folder) = stage.results(&id).await;
    assert_eq!(output.code, Some(3), "{output:?}");

    // Cells that cannot change anything have the baseline's score, which is not known.
    let untouched = ["resid_pre", "z"].map(|grid| (grid.to_owned(), stage.untouched(grid, 0)));
    assert!(!untouched[0].1.is_empty());
    stage.assert_failed(&folder, &BTreeMap::from(untouched));
    let mut partial = Scores::open(&folder.join("scores.npz"));
    let mut whole = Scores::open(&stage.undisturbed().join("scores.npz"));
    for name in ["clean", "corrupted"] {
        let (partial, whole) = (partial.tensor(name), whole.tensor(name));
        assert!(partial[[0]].is_nan() && partial[[1]].to_bits() == whole[[1]].to_bits(), "{name}: {partial}");
    }
    let manifest = manifest(&folder);
    let failure = &manifest["run"]["failures"][0];
    assert_eq!((&failure["tile"], &failure["work"]), (&json!(bad), &json!("baseline")));
    assert_reported(failure);

    let output = stage.served.patchsweep(&["resume", &id]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let granted: Vec<u32> = stage.finish(&id).await.iter().map(|lease| lease.tile_id).collect();
    assert_eq!(granted, [bad]);
    stage.assert_whole(&id).await;
    stage.served.stop().await;
}

#[tokio::test]
async fn a_sweep_of_which_nothing_can_be_computed_fails_with_the_reason_and_can_be_resumed() {
    let stage = Stage::new().await;
    let all: Vec<u32> = (0..).take(stage.tiles()).collect();
    let output = fail_on(&stage, &all, stage.submit(&["--wait"])).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains("failed: tile") && output.err.contains("no memory on"), "{output:?}");
    let id = output.out;
    let output = stage.served.patchsweep(&["watch", &id]).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    let output = stage.served.patchsweep(&["status", &id]).await;
    assert!(output.out.contains(&format!("{id} failed: tile")) && output.out.contains("no memory on"), "{output:?}");
    let (output, folder) = stage.results(&id).await;
    assert!(output.code == Some(1) && output.err.contains("has no results: it is failed"), "{output:?}");
    assert!(!folder.exists());

    let output = stage.served.patchsweep(&["resume", &id]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let granted: BTreeSet<u32> = stage.finish(&id).await.iter().map(|lease| lease.tile_id).collect();
    assert_eq!(granted, all.into_iter().collect());
    stage.assert_whole(&id).await;
    stage.served.stop().await;
}
