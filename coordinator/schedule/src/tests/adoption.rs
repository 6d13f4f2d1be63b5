use super::*;

#[test]
fn after_a_restart_a_worker_goes_on_under_its_old_lease() {
    let mut harness = Harness { scheduler: Scheduler::new(Epoch(2)), seconds: 0 };
    harness.apply(submitted_with(&[0, 0, 0], [(2, Past::Done)]));
    let joined = harness.join_with(W1, 2, &[lease(1, 4), lease(2, 1)]);
    assert_eq!(joined, [revoke(W1, lease(2, 1))], "t2 is done, and t1 goes on");
    assert_eq!(harness.progress().leased, 1);
    let kept = harness.judge(W1, lease(1, 4));
    let next = Lease { epoch: Epoch(2), ..lease(0, 1) };
    let grant = Effect::Grant { worker: W1, lease: next };
    assert_eq!(kept, (Verdict::Keep, vec![acknowledge(W1, lease(1, 4)), grant]));
}

#[test]
fn leases_of_a_life_before_the_sweep_was_submitted_are_of_another_one_of_its_name() {
    let later = |epoch: u64| Lease { epoch: Epoch(epoch), ..lease(0, 1) };
    let mut harness = Harness { scheduler: Scheduler::new(Epoch(3)), seconds: 0 };
    let Event::Submitted { sweep, model, tiles, priority, past, avoid, .. } = submitted(&[0, 0]) else { return };
    harness.apply(Event::Submitted { sweep, since: Epoch(2), model, tiles, priority, past, avoid });
    assert_eq!(harness.join_with(W1, 1, &[later(1)]), [revoke(W1, later(1))], "it does not go on");
    assert_eq!(harness.progress().leased, 0);
    let unfit = Event::Unfit { worker: W1, lease: later(1), reason: "other weights".into() };
    let granted = Effect::Grant { worker: W1, lease: later(3) };
    assert_eq!(harness.apply(unfit), [acknowledge(W1, later(1)), granted], "and says nothing of the worker");
    assert_eq!(harness.judge(W1, later(3)).0, Verdict::Keep);
    let repeated = harness.judge(W1, later(1)).0;
    assert_eq!(repeated, Verdict::Drop { done: false }, "nor is it compared with the scores of this one");
    let next = Lease { tile: TileId(1), ..later(3) };
    harness.finish(W1, next);
    assert_eq!(harness.judge(W1, later(1)).0, Verdict::Drop { done: false }, "nor once the sweep has ended");
    assert_eq!(harness.judge(W1, later(3)).0, Verdict::Drop { done: true });
}

#[test]
fn attempts_count_on_after_an_adopted_one() {
    let mut harness = Harness { scheduler: Scheduler::new(Epoch(2)), seconds: 0 };
    harness.apply(submitted(&[0]));
    harness.join_with(W1, 1, &[lease(0, 4)]);
    let failed = harness.fail(W1, lease(0, 4));
    assert_eq!(failed.last(), Some(&Effect::Grant { worker: W1, lease: Lease { epoch: Epoch(2), ..lease(0, 5) } }));
}

#[test]
fn a_worker_that_comes_back_takes_its_strike_back() {
    let mut harness = Harness::empty();
    harness.apply(submitted(&[0]));
    harness.join(W1, 1);
    for session in 2..10 {
        assert_eq!(harness.lose(WorkerId(session - 1)).len(), 1, "a strike, and never the third");
        assert_eq!(harness.join_with(WorkerId(session), 1, &[lease(0, 1)]), []);
    }
    let last = harness.finish(WorkerId(9), lease(0, 1));
    assert_eq!(last.last(), Some(&ended(Outcome::Done)));
}

#[test]
fn a_worker_that_comes_back_clears_all_that_it_was_lost_with() {
    let (mut harness, _) = Harness::new(&[W1], 3, &[0, 0, 0, 0]);
    harness.lose(W1);
    let joined = harness.join_with(W2, 3, &[lease(1, 1)]);
    assert_eq!(joined, [grant(W2, 0, 2), grant(W2, 2, 2)], "no suspect is left, so that they go together");
}

#[test]
fn another_workers_loss_is_not_taken_back() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0, 0]);
    harness.lose(W1);
    assert_eq!(harness.join(W2, 1), [grant(W2, 0, 2)]);
    harness.lose(W2);
    let joined = harness.join_with(W3, 2, &[lease(1, 1)]);
    assert_eq!(joined, [grant(W3, 0, 3)], "W1 is back, and W2's loss is one strike");
    harness.fail(W3, lease(0, 3));
    let failed = harness.fail(W3, lease(0, 4));
    assert!(failed.iter().any(|effect| matches!(effect, Effect::GiveUp { .. })), "{failed:?}");
}

#[test]
fn a_tile_that_somebody_else_got_in_the_meantime_is_revoked() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0, 0]);
    harness.finish(W2, lease(1, 1));
    harness.lose(W1);
    assert_eq!(harness.join_with(W3, 1, &[lease(0, 1)]), [revoke(W3, lease(0, 1))]);
    assert_eq!(harness.held(W3), [(lease(0, 1), true)]);
    let (late, _) = harness.judge(W3, lease(0, 1));
    assert_eq!(late, Verdict::Drop { done: false });
}

#[test]
fn a_half_open_session_hands_over_all_that_it_held() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0, 0]);
    let joined = harness.join_with(W2, 2, &[lease(0, 1)]);
    assert_eq!(joined, [Effect::Disconnect { worker: W1 }, grant(W2, 1, 2)], "without blame");
    assert_eq!(harness.lose(W1), []);
    assert_eq!(harness.judge(W2, lease(0, 1)).0, Verdict::Keep);
}

#[test]
fn leases_that_were_never_granted_are_revoked() {
    let mut harness = Harness::empty();
    harness.apply(submitted(&[0]));
    let never = [
        lease(0, 1),
        Lease { epoch: Epoch(2), ..lease(0, 1) },
        lease(5, 1),
        Lease { sweep: named("other"), ..lease(0, 1) },
    ];
    for (session, lease) in (1..).map(WorkerId).zip(never) {
        let joined = harness.join_with(session, 2, std::slice::from_ref(&lease));
        assert_eq!(joined[0], revoke(session, lease.clone()));
        harness.release(session, lease);
        harness.apply(Event::Leaving { worker: session, finishing: vec![] });
    }
}

#[test]
fn no_more_is_adopted_than_the_credit() {
    let mut harness = Harness { scheduler: Scheduler::new(Epoch(2)), seconds: 0 };
    harness.apply(submitted(&[0, 0]));
    assert_eq!(harness.join_with(W1, 1, &[lease(0, 1), lease(0, 1), lease(1, 1)]), [revoke(W1, lease(1, 1))]);
    assert_eq!(harness.held(W1), [(lease(0, 1), false)]);
}
