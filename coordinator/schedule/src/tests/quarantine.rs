use super::*;

/// W1 fails on three tiles; W2 has computed the first two of them.
fn almost_refuted() -> Harness {
    let (mut harness, effects) = Harness::new(&[W1, W2], 1, &[0; 20]);
    assert_eq!(effects, [grant(W1, 0, 1), grant(W2, 1, 1)]);
    harness.fail(W1, lease(0, 1));
    harness.fail(W1, lease(2, 1));
    harness.fail(W1, lease(3, 1));
    for (tile, attempt, next) in [(1, 1, 0), (0, 2, 2), (2, 2, 3)] {
        let finished = harness.finish(W2, lease(tile, attempt));
        assert_eq!(finished.last(), Some(&grant(W2, next, 2)));
    }
    harness
}

#[test]
fn three_failures_in_a_row_that_others_compute_quarantine_a_worker() {
    let mut harness = almost_refuted();
    let finished = harness.finish(W2, lease(3, 2));
    let reason = "it failed on 3 tiles in a row that other workers computed".to_owned();
    assert!(finished.contains(&Effect::Quarantine { worker: W1, reason: reason.clone() }), "{finished:?}");
    assert!(finished.contains(&revoke(W1, lease(4, 1))), "{finished:?}");
    assert_eq!(finished.last(), Some(&grant(W2, 4, 2)));
    assert_eq!(harness.view(W1).state, WorkerState::Quarantined { reason });
    assert_eq!(harness.release(W1, lease(4, 1)), []);
}

#[test]
fn a_success_in_between_clears_a_worker() {
    let mut harness = almost_refuted();
    harness.finish(W1, lease(4, 1));
    let finished = harness.finish(W2, lease(3, 2));
    assert!(!finished.iter().any(|effect| matches!(effect, Effect::Quarantine { .. })), "{finished:?}");
    assert_eq!(harness.view(W1).state, WorkerState::Active);
}

#[test]
fn failures_that_nobody_refutes_quarantine_nobody() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0; 20]);
    for tile in [0, 2, 3, 4, 5, 6] {
        harness.fail(W1, lease(tile, 1));
    }
    assert_eq!(harness.view(W1).state, WorkerState::Active);
}

#[test]
fn the_strikes_of_a_quarantined_worker_are_taken_back() {
    let mut harness = almost_refuted();
    harness.fail(W1, lease(4, 1));
    // W1 holds t5 now, and t4 has its strike.
    let finished = harness.finish(W2, lease(3, 2));
    assert_eq!(finished.last(), Some(&grant(W2, 4, 2)), "{finished:?}");
    for attempt in 2..4 {
        let failed = harness.fail(W2, lease(4, attempt));
        assert_eq!(failed.last(), Some(&grant(W2, 4, attempt + 1)), "{failed:?}");
    }
    let failed = harness.fail(W2, lease(4, 4));
    assert!(failed.iter().any(|effect| matches!(effect, Effect::GiveUp { .. })), "its own third: {failed:?}");
}
