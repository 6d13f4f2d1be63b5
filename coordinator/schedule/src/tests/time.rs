use super::*;

#[test]
fn silent_workers_are_disconnected_and_heard_ones_are_not() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0, 1]);
    harness.at(14, Event::Heard { worker: W2 });
    let effects = harness.at(15, Event::Tick);
    assert_eq!(effects, [record(W1, lease(0, 1), "its worker fell silent"), Effect::Disconnect { worker: W1 }]);
    harness.seconds = 16;
    let (_, effects) = harness.finish_in(16, W2, lease(1, 1));
    assert_eq!(effects.last(), Some(&grant(W2, 0, 2)));
}

#[test]
fn everything_that_a_worker_says_shows_that_it_lives() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0; 9]);
    harness.seconds = 10;
    harness.finish_in(0, W1, lease(0, 1));
    harness.at(20, Event::Failed { worker: W1, lease: lease(1, 1), reason: "broken".into() });
    harness.at(30, Event::Released { worker: W1, lease: lease(2, 1) });
    assert_eq!(harness.at(44, Event::Tick), []);
    assert_eq!(harness.view(W1).last_heard, Duration::from_secs(30));
    assert!(harness.at(45, Event::Tick).contains(&Effect::Disconnect { worker: W1 }));
}

#[test]
fn an_overdue_tile_is_taken_away_and_its_worker_gets_nothing_until_it_answers() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0; 4]);
    harness.finish(W1, lease(0, 1));
    // Ten multiply-adds in one second: the deadline is the shortest.
    assert_eq!(harness.tick_alive(60), []);
    let overdue = harness.tick_alive(61);
    let reason = "its worker had not computed it after 61 s";
    let expected = [revoke(W1, lease(1, 1)), revoke(W1, lease(2, 1)), record(W1, lease(1, 1), reason)];
    assert_eq!(overdue, expected, "what waits behind it goes to others without blame");
    assert_eq!(harness.view(W1).state, WorkerState::Stuck);
    assert_eq!(harness.tick_alive(200), [], "reported once");
    assert_eq!(harness.release(W1, lease(2, 1)), [], "this is not what it is stuck on");
    let (verdict, answer) = harness.judge(W1, lease(1, 1));
    assert_eq!(verdict, Verdict::Drop { done: false });
    assert_eq!(answer[1..], [grant(W1, 1, 2), grant(W1, 2, 2)]);
    assert_eq!(harness.view(W1).state, WorkerState::Active);
}

#[test]
fn a_stuck_workers_tiles_go_to_the_others() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0; 2]);
    harness.finish(W1, lease(0, 1));
    harness.tick_alive(61);
    assert_eq!(harness.join(W2, 2), [grant(W2, 1, 2)]);
    assert_eq!(harness.finish(W2, lease(1, 2)).last(), Some(&ended(Outcome::Done)));
}

#[test]
fn the_deadline_follows_the_measured_rate_and_starts_when_the_tile_is_in_hand() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0; 9]);
    // One multiply-add a second: ten seconds a tile, and a hundred until it is overdue.
    harness.seconds = 0;
    harness.finish_in(10, W1, lease(0, 1));
    assert_eq!(harness.tick_alive(90), []);
    harness.finish_in(10, W1, lease(1, 1));
    assert_eq!(harness.tick_alive(190), [], "t2 has been in hand for 100 s, and granted for 190 s");
    assert!(harness.tick_alive(191).contains(&revoke(W1, lease(2, 1))));
}

#[test]
fn a_workers_first_tile_has_ten_minutes() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0; 9]);
    harness.finish(W1, lease(0, 1));
    assert!(harness.tick_alive(61).contains(&revoke(W1, lease(2, 1))));
    assert_eq!(harness.tick_alive(600), [], "W2 may still be loading weights, although the fleet is fast");
    assert!(harness.tick_alive(601).contains(&revoke(W2, lease(1, 1))));
}

#[test]
fn a_worker_that_does_not_answer_a_revocation_is_stuck_too() {
    let mut harness = Harness::empty();
    harness.apply(submitted(&[0]));
    harness.join(W1, 2);
    harness.apply(Event::Cancelled { sweep: sweep() });
    harness.apply(submitted(&[0]));
    assert_eq!(harness.view(W1).leases.len(), 2);
    assert_eq!(harness.tick_alive(61), [revoke(W1, lease(0, 2))], "nobody is blamed");
    assert_eq!(harness.view(W1).state, WorkerState::Stuck);
}

/// W1 and W2 have computed a tile each in a second; W1 has the last one.
fn at_the_tail() -> Harness {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0; 3]);
    harness.finish(W1, lease(0, 1));
    harness.finish(W2, lease(1, 1));
    assert_eq!(harness.held(W1), [(lease(2, 1), false)]);
    harness
}

#[test]
fn a_late_tile_is_computed_twice_and_the_first_result_wins() {
    for (first, second) in [((W1, 1), (W2, 2)), ((W2, 2), (W1, 1))] {
        let mut harness = at_the_tail();
        assert_eq!(harness.tick_alive(3), []);
        assert_eq!(harness.tick_alive(4), [grant(W2, 2, 2)]);
        assert_eq!(harness.progress().leased, 1);
        let won = harness.judge(first.0, lease(2, first.1));
        let expected =
            vec![revoke(second.0, lease(2, second.1)), acknowledge(first.0, lease(2, first.1)), ended(Outcome::Done)];
        assert_eq!(won, (Verdict::Keep, expected));
        let (late, _) = harness.judge(second.0, lease(2, second.1));
        assert_eq!(late, Verdict::Drop { done: true });
    }
}

#[test]
fn a_late_tile_is_computed_no_more_than_twice() {
    let mut harness = at_the_tail();
    harness.tick_alive(4);
    harness.join(W3, 1);
    assert_eq!(harness.tick_alive(50), []);
}

#[test]
fn a_tile_whose_one_holder_is_lost_stays_with_the_other() {
    let mut harness = at_the_tail();
    harness.tick_alive(4);
    assert_eq!(harness.lose(W1), [record(W1, lease(2, 1), "its worker disconnected")]);
    assert_eq!(harness.progress().leased, 1);
    harness.join(W3, 1);
    assert_eq!(harness.tick_alive(9), [], "a tile with a bad record is not computed twice");
    assert_eq!(harness.finish(W2, lease(2, 2)).last(), Some(&ended(Outcome::Done)));
}

#[test]
fn a_tile_that_both_holders_lose_is_ready_again() {
    let mut harness = at_the_tail();
    harness.tick_alive(4);
    harness.lose(W2);
    let failed = harness.fail(W1, lease(2, 1));
    assert!(failed.contains(&grant(W1, 2, 3)), "{failed:?}");
}

#[test]
fn nothing_is_late_while_no_rate_is_known() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0]);
    assert_eq!(harness.tick_alive(500), []);
}

#[test]
fn the_view_says_what_a_worker_did() {
    let harness = at_the_tail();
    let view = harness.view(W2);
    assert_eq!((view.tiles_done, view.rate, view.credit), (1, Some(10), 1));
    assert_eq!(view.state, WorkerState::Active);
}
