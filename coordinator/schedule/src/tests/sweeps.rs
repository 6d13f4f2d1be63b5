use super::*;

#[test]
fn a_sweep_without_tiles_is_done_at_once() {
    let (_, effects) = Harness::new(&[], 1, &[]);
    assert_eq!(effects, [ended(Outcome::Done)]);
}

#[test]
fn a_resumed_sweep_computes_only_what_the_journal_lacks() {
    let mut harness = Harness::empty();
    harness.join(W1, 4);
    let reason = "tile t2 failed 3 times, last on w9: broken".to_owned();
    let past = [(0, Past::Done), (1, Past::Failures(2)), (2, Past::GivenUp { reason: reason.clone() })];
    assert_eq!(harness.apply(submitted_with(&[0, 0, 0], past)), [grant(W1, 1, 1)]);
    let Progress { done, failed, cost_done, .. } = harness.progress();
    assert_eq!((done, failed, cost_done), (1, 1, 10));
    let last = harness.finish(W1, lease(1, 1));
    assert_eq!(last.last(), Some(&ended(Outcome::Partial { reason })));
}

#[test]
fn strikes_of_an_earlier_life_count() {
    let mut harness = Harness::empty();
    harness.join(W1, 4);
    harness.apply(submitted_with(&[0, 0], [(1, Past::Failures(2))]));
    let failed = harness.fail(W1, lease(1, 1));
    assert!(failed.iter().any(|effect| matches!(effect, Effect::GiveUp { .. })), "{failed:?}");
}

#[test]
fn a_tile_that_the_journal_does_not_give_up_has_an_attempt_left() {
    let mut harness = Harness::empty();
    harness.join(W1, 1);
    assert_eq!(harness.apply(submitted_with(&[0], [(0, Past::Failures(9))])), [grant(W1, 0, 1)]);
    let failed = harness.fail(W1, lease(0, 1));
    assert!(failed.iter().any(|effect| matches!(effect, Effect::GiveUp { .. })), "{failed:?}");
}

#[test]
fn a_journal_of_another_plan_does_no_harm() {
    let mut harness = Harness::empty();
    harness.apply(submitted_with(&[0], [(7, Past::Done), (8, Past::Failures(1))]));
    assert_eq!(harness.progress().done, 0);
}

#[test]
fn an_ended_sweep_can_be_submitted_again_and_forgotten() {
    let (mut harness, _) = Harness::new(&[], 1, &[0]);
    harness.apply(Event::Cancelled { sweep: sweep() });
    assert_eq!(harness.progress().total, 1);
    assert_eq!(harness.join(W1, 1), []);
    assert_eq!(harness.apply(submitted(&[0])), [grant(W1, 0, 1)]);
    let cancelled = harness.apply(Event::Cancelled { sweep: sweep() });
    assert_eq!(cancelled[0], revoke(W1, lease(0, 1)));
    harness.apply(submitted(&[0]));
    let (verdict, late) = harness.judge(W1, lease(0, 1));
    assert_eq!(verdict, Verdict::Drop { done: false }, "the old lease is another one");
    assert_eq!(late.last(), Some(&grant(W1, 0, 2)));
    harness.finish(W1, lease(0, 2));
    harness.scheduler.forget(&sweep());
    assert_eq!(harness.scheduler.progress(&sweep()), None);
}

#[test]
fn a_running_sweep_is_not_submitted_twice() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0, 0]);
    assert_eq!(harness.apply(submitted(&[0, 0])), []);
    assert_eq!(harness.progress().leased, 1);
}

#[test]
fn a_worker_with_another_model_gets_no_more_tiles_of_the_sweep() {
    let (mut harness, _) = Harness::new(&[W1, W2], 2, &[0, 0, 0, 0]);
    let unfit = harness.apply(Event::Unfit { worker: W1, lease: lease(0, 1), reason: "other weights".into() });
    assert_eq!(unfit, [revoke(W1, lease(2, 1)), acknowledge(W1, lease(0, 1))]);
    for (tile, attempt) in [(1, 1), (3, 1), (0, 2)] {
        harness.finish(W2, lease(tile, attempt));
    }
    let last = harness.finish(W2, lease(2, 2));
    assert_eq!(last.last(), Some(&ended(Outcome::Done)));
}

#[test]
fn a_sweep_that_nobody_is_fit_for_waits_for_one_who_is() {
    let mut harness = Harness::empty();
    harness.apply(submitted(&[0, 0]));
    assert_eq!(harness.scheduler.waiting(&sweep()).as_deref(), Some("for a worker to connect"));
    harness.join(W1, 1);
    assert_eq!(harness.scheduler.waiting(&sweep()), None);
    let unfit = harness.apply(Event::Unfit { worker: W1, lease: lease(0, 1), reason: "other weights".into() });
    assert_eq!(unfit, [acknowledge(W1, lease(0, 1))]);
    let waiting = harness.scheduler.waiting(&sweep()).expect("nobody is fit");
    assert_eq!(waiting, "for a worker with the sweep's weights; w1 has others: other weights");
    assert_eq!(harness.join(W2, 1), [grant(W2, 0, 2)]);
    assert_eq!(harness.scheduler.waiting(&sweep()), None);
}

#[test]
fn a_worker_that_is_unfit_for_one_sweep_computes_another() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
    harness.apply(Event::Unfit { worker: W1, lease: lease(0, 1), reason: "other weights".into() });
    let event = Event::Submitted {
        avoid: BTreeMap::new(),
        model: MODEL,
        sweep: named("other"),
        since: Epoch(1),
        tiles: tiles(&[0]),
        priority: Priority::default(),
        past: BTreeMap::new(),
    };
    let other = Lease { sweep: named("other"), ..lease(0, 1) };
    assert_eq!(harness.apply(event), [Effect::Grant { worker: W1, lease: other }]);
}
