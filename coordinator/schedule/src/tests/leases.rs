use super::*;

#[test]
fn a_sweep_ends_when_its_last_tile_is_kept() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0, 0]);
    let first = harness.judge(W1, lease(1, 1));
    assert_eq!(first, (Verdict::Keep, vec![acknowledge(W1, lease(1, 1))]));
    let last = harness.finish(W1, lease(0, 1));
    assert_eq!(last.last(), Some(&ended(Outcome::Done)));
    let Progress { done, cost_done, leased, failed, .. } = harness.progress();
    assert_eq!((done, cost_done, leased, failed), (2, 20, 0, 0));
}

#[test]
fn a_lost_workers_tiles_go_to_the_others_and_its_late_result_is_dropped() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0, 1]);
    harness.finish(W2, lease(1, 1));
    assert_eq!(harness.lose(W1), [record(W1, lease(0, 1), "its worker disconnected"), grant(W2, 0, 2)]);
    let late = harness.judge(W1, lease(0, 1));
    assert_eq!(late, (Verdict::Drop { done: false }, vec![acknowledge(W1, lease(0, 1))]));
    assert_eq!(harness.judge(W2, lease(0, 2)).0, Verdict::Keep);
}

#[test]
fn results_of_another_epoch_are_dropped() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0, 0]);
    for epoch in [0, 2] {
        let other_life = Lease { epoch: Epoch(epoch), ..lease(0, 1) };
        let late = harness.judge(W1, other_life.clone());
        assert_eq!(late, (Verdict::Drop { done: false }, vec![acknowledge(W1, other_life)]));
    }
}

#[test]
fn a_result_sent_twice_is_dropped_and_can_be_compared() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0, 0]);
    harness.finish(W1, lease(0, 1));
    let dropped = Verdict::Drop { done: true };
    assert_eq!(harness.judge(W1, lease(0, 1)), (dropped, vec![acknowledge(W1, lease(0, 1))]));
    harness.finish(W1, lease(1, 1));
    assert_eq!(harness.judge(W1, lease(1, 1)).0, dropped, "also when the sweep has ended");
}

#[test]
fn another_workers_lease_does_not_count() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0, 0]);
    let (stolen, _) = harness.judge(W2, lease(0, 1));
    assert_eq!(stolen, Verdict::Drop { done: false });
    let stolen = harness.fail(W2, lease(0, 1));
    assert_eq!(stolen, [acknowledge(W2, lease(0, 1))]);
    assert_eq!(harness.progress().leased, 2);
}

#[test]
fn unknown_tiles_and_sweeps_do_no_harm() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
    for unknown in [lease(7, 1), Lease { sweep: named("other"), ..lease(0, 1) }] {
        let finished = harness.judge(W1, unknown.clone());
        assert_eq!(finished, (Verdict::Drop { done: false }, vec![acknowledge(W1, unknown.clone())]));
        assert_eq!(harness.fail(W1, unknown.clone()), [acknowledge(W1, unknown.clone())]);
        assert_eq!(harness.release(W1, unknown), []);
    }
    assert_eq!(harness.apply(Event::Cancelled { sweep: named("other") }), []);
    assert_eq!(harness.lose(W2), []);
    assert_eq!(harness.join(W1, 5), [], "a worker joins once");
}

#[test]
fn a_revoked_lease_keeps_its_place_until_the_worker_answers() {
    let answers: [fn(&mut Harness) -> Vec<Effect>; 3] = [
        |harness| harness.release(W1, lease(0, 1)),
        |harness| harness.finish(W1, lease(0, 1)),
        |harness| harness.fail(W1, lease(0, 1)),
    ];
    for answer in answers {
        let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
        let cancelled = harness.apply(Event::Cancelled { sweep: sweep() });
        assert_eq!(cancelled, [revoke(W1, lease(0, 1)), ended(Outcome::Cancelled)]);
        assert_eq!(harness.held(W1), [(lease(0, 1), true)]);
        let event = Event::Submitted {
            avoid: BTreeMap::new(),
            model: MODEL,
            sweep: named("next"),
            since: Epoch(1),
            tiles: tiles(&[0]),
            priority: Priority::default(),
            past: BTreeMap::new(),
        };
        assert_eq!(harness.apply(event), [], "the worker is still busy");
        let next = Lease { sweep: named("next"), ..lease(0, 1) };
        assert_eq!(answer(&mut harness).last(), Some(&Effect::Grant { worker: W1, lease: next }));
    }
}

#[test]
fn a_released_lease_is_handed_back_without_blame() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
    for attempt in 1..10 {
        assert_eq!(harness.release(W1, lease(0, attempt)), [grant(W1, 0, attempt + 1)]);
    }
}
