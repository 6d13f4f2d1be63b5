//! Several submissions: when they are one sweep, and how two share the workers.

use std::cell::RefCell;
use std::fs;

use patchsweep_proto::v1::Grant;
use patchsweep_tests::scripted::result;

use super::stage::{Stage, during};

#[tokio::test]
async fn what_looks_the_same_in_the_results_is_the_same_sweep() {
    let stage = Stage::new().await;
    let first = stage.submit(&[]).await;
    assert!(first.code == Some(0) && first.err.is_empty(), "{first:?}");
    let again = stage.submit(&[]).await;
    assert_eq!(again.out, first.out);
    assert!(again.err.contains("submitted before") && again.err.contains("--new"), "{again:?}");

    let file = stage.tiny.spec_file();
    let spec = fs::read_to_string(&file).expect("the spec");
    fs::write(&file, format!("# the same in other words\n{spec}")).expect("written");
    assert_eq!(stage.submit_file(&file, &[]).await.out, first.out);
    fs::write(&file, spec.replace("name = \"tiny\"", "name = \"other\"")).expect("written");
    let renamed = stage.submit_file(&file, &[]).await;
    assert!(renamed.out != first.out && renamed.out.starts_with("other-"), "{renamed:?}");

    let new = stage.submit(&["--new"]).await;
    assert!(new.out != first.out && new.err.is_empty(), "{new:?}");
    let list = stage.served.patchsweep(&["list"]).await;
    let rows = list.out.lines().skip(1).take_while(|row| !row.is_empty());
    let listed: Vec<&str> = rows.filter_map(|row| row.split_whitespace().next()).collect();
    assert_eq!(listed, [&*first.out, &*renamed.out, &*new.out]);
    stage.served.stop().await;
}

#[tokio::test]
async fn a_sweep_of_twice_the_priority_gets_twice_the_work() {
    let stage = Stage::new().await;
    let low = stage.submitted(&["--priority", "10"]).await;
    let high = stage.submitted(&["--new", "--priority", "20"]).await;
    let granted = RefCell::new(Vec::new());
    let answer = |grant: &Grant| {
        let lease = grant.lease.clone().expect("a lease");
        let cost = stage.tiny.plan().costs[lease.tile_id as usize];
        granted.borrow_mut().push((lease.sweep_id, cost));
        Some(result(&stage.tiny, grant))
    };
    let (mut one, mut two) = (stage.served.worker(1).await, stage.served.worker(1).await);
    let playing = async { tokio::join!(one.play(answer), two.play(answer)) };
    let codes = during(playing, async {
        let ended = [stage.served.patchsweep(&["watch", &high]).await, stage.served.patchsweep(&["watch", &low]).await];
        ended.map(|output| output.code)
    });
    assert_eq!(codes.await, [Some(0); 2]);

    let granted = granted.into_inner();
    let until = granted.iter().rposition(|(sweep, _)| *sweep == high).expect("it was computed");
    let sum = |id: &str| granted[..=until].iter().filter(|(sweep, _)| sweep == id).map(|(_, cost)| cost).sum::<u64>();
    let (twice_low, high) = (2 * sum(&low), sum(&high));
    let largest = *stage.tiny.plan().costs.iter().max().expect("tiles");
    assert!(high > 8 * largest, "enough tiles to see a share: {high} of {largest}");
    // Shares differ by a tile at most, and each worker may tell of its last one a little late.
    assert!(twice_low.abs_diff(high) <= 4 * largest, "{twice_low} and {high}, {largest} the largest tile");
    stage.assert_whole(&low).await;
    stage.served.stop().await;
}
