use super::*;

fn submit(name: &str, priority: u8, costs: &[u64]) -> Event {
    let tiles = costs.iter().map(|&cost| TileInfo { iteration: 0, cost }).collect();
    let priority = Priority::new(priority).expect("in range");
    Event::Submitted {
        sweep: named(name),
        since: Epoch(1),
        model: MODEL,
        tiles,
        priority,
        past: BTreeMap::new(),
        avoid: BTreeMap::new(),
    }
}

/// Granted multiply-adds of each sweep after so many more grants to W1, which finishes one at once.
fn granted(harness: &mut Harness, cost: impl Fn(&str) -> u64, grants: usize) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for _ in 0..grants {
        let held = harness.view(W1).leases[0].lease.clone();
        *sums.entry(held.sweep.0.clone()).or_default() += cost(&held.sweep.0);
        harness.finish(W1, held);
    }
    sums
}

#[test]
fn sweeps_share_the_workers_by_priority_and_multiply_adds() {
    let mut harness = Harness::empty();
    harness.apply(submit("slow", 10, &[7; 400]));
    harness.apply(submit("fast", 20, &[3; 400]));
    harness.join(W1, 1);
    let cost = |name: &str| if name == "slow" { 7 } else { 3 };
    for _ in 0..10 {
        let sums = granted(&mut harness, cost, 30);
        let (slow, fast) = (sums["slow"], sums["fast"]);
        assert!(fast.abs_diff(2 * slow) <= 2 * 7 + 3, "within one tile of each: {sums:?}");
    }
}

#[test]
fn a_new_sweep_neither_waits_nor_stops_the_others() {
    let mut harness = Harness::empty();
    harness.apply(submit("old", 10, &[1; 500]));
    harness.join(W1, 1);
    granted(&mut harness, |_| 1, 200);
    harness.apply(submit("new", 10, &[1; 500]));
    let sums = granted(&mut harness, |_| 1, 40);
    assert!(sums["old"].abs_diff(sums["new"]) <= 2, "the first one was granted before: {sums:?}");
}

#[test]
fn a_sweep_without_ready_tiles_leaves_the_workers_to_the_others() {
    let mut harness = Harness::empty();
    harness.apply(submit("short", 100, &[1]));
    harness.apply(submit("long", 1, &[1; 10]));
    harness.join(W1, 3);
    let sweeps: Vec<String> = harness.view(W1).leases.iter().map(|held| held.lease.sweep.0.clone()).collect();
    assert_eq!(sweeps, ["short", "long", "long"]);
}
