use super::*;

#[test]
fn handing_back_is_no_failure() {
    let mut harness = Harness::empty();
    harness.apply(submitted(&[0]));
    for attempt in 1..=10 {
        assert_eq!(harness.join(W1, 1), [grant(W1, 0, attempt)]);
        assert_eq!(harness.apply(Event::Leaving { worker: W1, finishing: vec![] }), []);
        assert_eq!(harness.lose(W1), []);
    }
}

#[test]
fn a_leaving_worker_finishes_what_it_names_and_hands_back_the_rest() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0, 0, 0]);
    harness.apply(Event::Leaving { worker: W1, finishing: vec![lease(0, 1)] });
    assert_eq!(harness.held(W1), [(lease(0, 1), false)]);
    assert_eq!(harness.view(W1).state, WorkerState::Leaving);
    assert_eq!(harness.join(W2, 2), [grant(W2, 1, 2), grant(W2, 2, 1)]);
    let finished = harness.judge(W1, lease(0, 1));
    assert_eq!(finished, (Verdict::Keep, vec![acknowledge(W1, lease(0, 1))]));
}

#[test]
fn a_leaving_worker_whose_grace_period_ends_hands_back_more() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0, 0]);
    harness.apply(Event::Leaving { worker: W1, finishing: vec![lease(0, 1)] });
    harness.finish(W2, lease(1, 1));
    assert_eq!(harness.apply(Event::Leaving { worker: W1, finishing: vec![] }), [grant(W2, 0, 2)]);
}

#[test]
fn a_leaving_worker_that_goes_before_it_has_finished_is_no_failure() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
    harness.apply(Event::Leaving { worker: W1, finishing: vec![lease(0, 1)] });
    assert_eq!(harness.lose(W1), []);
    assert_eq!(harness.join(W2, 1), [grant(W2, 0, 2)]);
}

#[test]
fn a_draining_worker_keeps_what_it_holds_and_gets_no_more() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0, 0]);
    assert_eq!(harness.apply(Event::Draining { worker: W1 }), []);
    assert_eq!(harness.view(W1).state, WorkerState::Leaving);
    let finished = harness.judge(W1, lease(0, 1));
    assert_eq!(finished, (Verdict::Keep, vec![acknowledge(W1, lease(0, 1))]));
    assert!(harness.scheduler.waiting(&sweep()).is_some_and(|waiting| waiting.contains("leaving")));
}

#[test]
fn a_draining_worker_that_dies_did_not_leave() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
    harness.apply(Event::Draining { worker: W1 });
    assert_eq!(harness.lose(W1), [record(W1, lease(0, 1), "its worker disconnected")]);
}
