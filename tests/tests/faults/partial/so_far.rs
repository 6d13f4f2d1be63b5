//! Results of sweeps that have not ended, or not well.

use std::fs;
use std::path::Path;

use patchsweep_core::results::CellStatus;
use patchsweep_proto::v1::SweepStatus;
use patchsweep_tests::Scores;
use patchsweep_tests::scripted::{CommandOutput, ScriptedWorker};
use serde_json::Value;

use super::stage::{Stage, plain};

const GRIDS: [&str; 2] = ["resid_pre", "z"];

async fn compute_one(stage: &Stage, worker: &mut ScriptedWorker) {
    let grant = worker.grant().await;
    worker.report(&stage.tiny, &grant).await;
    worker.acknowledged(grant.lease.as_ref()).await;
}

async fn fetch(stage: &Stage, id: &str, out: &Path) -> CommandOutput {
    stage.served.patchsweep(&["results", id, "--partial", "--overwrite", "--out", plain(out)]).await
}

/// Every cell has its final score or none; says how many of each grid have one that a worker computed.
fn assert_so_far(stage: &Stage, out: &Path) -> [u64; 2] {
    let mut partial = Scores::open(&out.join("scores.npz"));
    let mut whole = Scores::open(&stage.undisturbed().join("scores.npz"));
    GRIDS.map(|grid| {
        let name = format!("{grid}.status");
        let (status, last) = (partial.statuses(&name), whole.statuses(&name));
        for tensor in ["", ".value", ".stderr"].map(|suffix| format!("{grid}{suffix}")) {
            let (ours, theirs) = (partial.tensor(&tensor), whole.tensor(&tensor));
            for (place, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                let (status, last) = (status.iter().nth(place), last.iter().nth(place));
                let is_right = match status {
                    Some(&CellStatus::Pending) => ours.is_nan(),
                    status => status == last && ours.to_bits() == theirs.to_bits(),
                };
                assert!(is_right, "{tensor} at {place}: {ours}, finally {theirs}, status {status:?}");
            }
        }
        status.iter().filter(|&&status| status == CellStatus::Computed).count() as u64
    })
}

fn manifest(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("manifest.json")).expect("a manifest")).expect("JSON")
}

/// Cells of each grid that are done, as the status says.
fn done(status: &SweepStatus) -> [u64; 2] {
    let of_grid = |name: &str| status.grids.iter().find(|grid| grid.name == name).expect("the grid").cells_done;
    GRIDS.map(of_grid)
}

#[tokio::test]
async fn a_running_sweep_gives_the_final_scores_of_what_is_done() {
    let stage = Stage::new().await;
    let mut worker = stage.served.named_worker("only:1", 1).await;
    let id = stage.submitted(&[]).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("so-far");
    let tiles = stage.tiles();
    let mut seen = Vec::new();
    for computed in 0..tiles {
        if computed % 3 == 0 {
            let output = fetch(&stage, &id, &out).await;
            assert_eq!(output.code, Some(0), "{output:?}");
            let scored = assert_so_far(&stage, &out);
            let status = stage.status(&id, |status| status.tiles_done as usize == computed).await;
            assert_eq!(scored, done(&status), "after {computed} tiles");
            let partial = &manifest(&out)["run"]["partial"];
            assert_eq!(partial["state"], "running");
            assert_eq!(
                (&partial["tiles_done"], &partial["tiles_pending"]),
                (&computed.into(), &(tiles - computed).into())
            );
            seen.push(scored);
        }
        compute_one(&stage, &mut worker).await;
    }
    assert_eq!(seen[0], [0, 0]);
    assert!(seen.is_sorted_by(|a, b| a[0] <= b[0] && a[1] <= b[1]) && seen.last() > seen.first(), "{seen:?}");

    let ended = stage.status(&id, |status| status.tiles_done as usize == tiles).await;
    let output = fetch(&stage, &id, &out).await;
    assert_eq!((output.code, assert_so_far(&stage, &out)), (Some(0), done(&ended)), "{output:?}");
    assert_eq!(manifest(&out)["run"]["partial"], Value::Null, "it is whole");
    for grid in &ended.grids {
        assert_eq!(
            (grid.cells_done, grid.tiles_done),
            (grid.cells_total - grid.cells_noop, grid.tiles_total),
            "{grid:?}"
        );
        assert_eq!(grid.multiply_adds_done, grid.multiply_adds_total);
    }
    assert_eq!(ended.grids.iter().map(|grid| grid.multiply_adds_total).sum::<u64>(), ended.multiply_adds_total);
    stage.served.stop().await;
}

#[tokio::test]
async fn a_cancelled_sweep_gives_what_it_has_to_who_asks_for_it() {
    let stage = Stage::new().await;
    let mut worker = stage.served.named_worker("only:1", 1).await;
    let id = stage.submitted(&[]).await;
    for _ in 0..stage.tiles() / 2 {
        compute_one(&stage, &mut worker).await;
    }
    assert_eq!(stage.served.patchsweep(&["cancel", &id]).await.code, Some(0));
    let (refused, _) = stage.results(&id).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("--partial gives what there is so far"), "{refused:?}");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("so-far");
    let output = fetch(&stage, &id, &out).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.err.contains("cells are still to be computed (status 4)"), "{output:?}");
    assert!(assert_so_far(&stage, &out).iter().sum::<u64>() > 0);
    assert_eq!(manifest(&out)["run"]["partial"]["state"], "cancelled");
    let top = stage.served.patchsweep(&["top", &id, "--partial"]).await;
    assert!(top.code == Some(0) && !top.out.contains("NaN"), "{top:?}");
    stage.served.stop().await;
}

#[tokio::test]
async fn a_failed_sweep_says_which_cells_failed_and_which_were_never_begun() {
    let stage = Stage::new().await;
    let mut worker = stage.served.named_worker("broken:1", 1).await;
    let id = stage.submitted(&[]).await;
    let failing = async {
        loop {
            let grant = worker.grant().await;
            worker.fail(&grant, "no memory").await;
        }
    };
    let watched = super::stage::during(failing, stage.served.patchsweep(&["watch", &id])).await;
    assert_eq!(watched.code, Some(1), "{watched:?}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("so-far");
    let output = fetch(&stage, &id, &out).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let manifest = manifest(&out);
    assert_eq!(manifest["run"]["partial"]["state"], "failed");
    assert!(manifest["run"]["tiles_failed"].as_u64().is_some_and(|failed| failed > 0));
    assert!(Scores::open(&out.join("scores.npz")).tensor("clean").iter().all(|mean| mean.is_nan()));
    stage.served.stop().await;
}
