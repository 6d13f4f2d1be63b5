//! Workers that are lost with leases in hand, over real sessions.

use std::cell::Cell;
use std::collections::BTreeSet;

use patchsweep_core::ids::TileId;
use patchsweep_proto::v1::Grant;
use patchsweep_tests::scripted::{result, tile_of};

use super::stage::{Stage, during};

#[tokio::test]
async fn tiles_that_were_lost_together_are_computed_alone_and_not_blamed() {
    let stage = Stage::new().await;
    let mut victim = stage.served.named_worker("victim:1", 3).await;
    let id = stage.submitted(&[]).await;
    let mut lost = BTreeSet::new();
    for _ in 0..3 {
        lost.insert(tile_of(&victim.grant().await));
    }
    drop(victim);

    let mut heir = stage.served.named_worker("heir:2", 3).await;
    let mut seen = BTreeSet::new();
    for _ in 0..stage.tiles() {
        let grant = heir.grant().await;
        if lost.contains(&tile_of(&grant)) {
            let output = stage.served.patchsweep(&["workers"]).await;
            let row = output.out.lines().find(|line| line.contains("heir:2")).expect("its row");
            let leases = row.split_whitespace().nth(4);
            assert_eq!(leases, Some("1"), "a suspect has no company:\n{}", output.out);
        }
        heir.report(&stage.tiny, &grant).await;
        heir.acknowledged(grant.lease.as_ref()).await;
        seen.insert(tile_of(&grant));
    }
    assert_eq!(seen.len(), stage.tiles(), "each tile once");
    stage.assert_whole(&id).await;
    assert!(stage.failures(&id).is_empty(), "nobody is blamed");
    stage.served.stop().await;
}

/// Each worker that takes the tile in hand is lost; gives how many.
async fn workers_lost_to_a_killer(credit: u32) -> usize {
    let stage = Stage::new().await;
    let killer = stage.tile(Some("z"), 0);
    let lost = Cell::new(0);
    let dying = async {
        loop {
            let mut worker = stage.served.named_worker(&format!("victim:{}", lost.get() + 1), credit).await;
            worker.play(|grant: &Grant| (tile_of(grant) != killer).then(|| result(&stage.tiny, grant))).await;
            lost.set(lost.get() + 1);
        }
    };
    let output = during(dying, stage.submit(&["--wait"])).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.err.contains("its worker disconnected"), "{output:?}");
    let failures = stage.failures(&output.out);
    assert_eq!(failures.keys().collect::<Vec<_>>(), [&TileId(killer)], "innocents carry no blame");
    let attempts = &failures[&TileId(killer)].attempts;
    let names: BTreeSet<&str> = attempts.iter().map(|attempt| attempt.worker.as_str()).collect();
    assert_eq!((attempts.len(), names.len()), (3, 3), "{attempts:?}");
    assert!(names.iter().all(|name| name.starts_with("victim:")), "{names:?}");
    let (_, folder) = stage.results(&output.out).await;
    stage.assert_failed(&folder, &[stage.places(killer)].into());
    stage.served.stop().await;
    lost.get()
}

#[tokio::test]
async fn a_tile_that_kills_its_workers_is_given_up_after_three_and_the_rest_is_computed() {
    assert_eq!(workers_lost_to_a_killer(1).await, 3);
}

#[tokio::test]
async fn a_tile_that_kills_in_company_is_found_among_the_others() {
    // The first loss leaves suspects only.
    assert_eq!(workers_lost_to_a_killer(3).await, 1 + 3);
}
