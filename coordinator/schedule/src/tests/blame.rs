use super::*;

fn gave_up(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::GiveUp { .. }))
}

#[test]
fn a_tile_that_keeps_failing_is_given_up_and_the_sweep_ends_partial() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0, 0]);
    for attempt in 1..=2 {
        let failed = harness.fail(W1, lease(0, attempt));
        let expected =
            [record(W1, lease(0, attempt), "broken"), acknowledge(W1, lease(0, attempt)), grant(W1, 0, attempt + 1)];
        assert_eq!(failed, expected);
    }
    let reason = "tile t0 failed 3 times, last on w1: broken".to_owned();
    let expected = [
        record(W1, lease(0, 3), "broken"),
        Effect::GiveUp { sweep: sweep(), tile: TileId(0), reason: reason.clone() },
        acknowledge(W1, lease(0, 3)),
        grant(W1, 1, 1),
    ];
    assert_eq!(harness.fail(W1, lease(0, 3)), expected);
    assert_eq!(harness.progress().failed, 1);
    let last = harness.finish(W1, lease(1, 1));
    assert_eq!(last.last(), Some(&ended(Outcome::Partial { reason })));
    let Progress { done, failed, .. } = harness.progress();
    assert_eq!((done, failed), (1, 1));
}

#[test]
fn a_sweep_of_which_nothing_can_be_computed_fails_after_three_tiles() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0; 100]);
    let mut last = Vec::new();
    for tile in 0..3 {
        for attempt in 1..=3 {
            last = harness.fail(W1, lease(tile, attempt));
        }
    }
    let reason = "tile t2 failed 3 times, last on w1: broken".to_owned();
    assert_eq!(last.last(), Some(&ended(Outcome::Failed { reason })));
}

#[test]
fn a_sweep_whose_only_tile_is_given_up_fails() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
    for attempt in 1..3 {
        harness.fail(W1, lease(0, attempt));
    }
    let last = harness.fail(W1, lease(0, 3));
    assert!(matches!(last.last(), Some(Effect::Ended { outcome: Outcome::Failed { .. }, .. })), "{last:?}");
}

#[test]
fn a_sweep_with_a_tile_done_goes_on_whatever_fails() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0; 6]);
    harness.finish(W1, lease(0, 1));
    for tile in 1..5 {
        for attempt in 1..=3 {
            harness.fail(W1, lease(tile, attempt));
        }
    }
    let last = harness.finish(W1, lease(5, 1));
    assert!(matches!(last.last(), Some(Effect::Ended { outcome: Outcome::Partial { .. }, .. })), "{last:?}");
}

#[test]
fn a_worker_lost_with_one_tile_is_a_strike_and_the_third_gives_up() {
    let mut harness = Harness::empty();
    harness.apply(submitted(&[0]));
    for attempt in 1..=3 {
        assert_eq!(harness.join(W1, 2), [grant(W1, 0, attempt)]);
        let lost = harness.lose(W1);
        assert_eq!(lost[0], record(W1, lease(0, attempt), "its worker disconnected"));
        assert_eq!(gave_up(&lost), attempt == 3, "{lost:?}");
    }
}

#[test]
fn failures_and_losses_count_together() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
    harness.fail(W1, lease(0, 1));
    harness.lose(W1);
    harness.join(W2, 1);
    assert!(gave_up(&harness.fail(W2, lease(0, 3))));
}

#[test]
fn several_tiles_of_a_lost_worker_are_suspects_and_computed_alone() {
    let (mut harness, _) = Harness::new(&[W1], 3, &[0, 0, 0]);
    assert_eq!(harness.lose(W1), [], "nobody is blamed yet");
    assert_eq!(harness.join(W2, 3), [grant(W2, 0, 2)]);
    assert_eq!(harness.join(W3, 3), [grant(W3, 1, 2)]);
    let finished = harness.finish(W2, lease(0, 2));
    assert_eq!(finished.last(), Some(&grant(W2, 2, 2)));
    assert_eq!(harness.lose(W3), [record(W3, lease(1, 2), "its worker disconnected")], "now it was alone");
}

#[test]
fn a_tile_that_kills_workers_takes_no_innocent_with_it() {
    let mut harness = Harness::empty();
    harness.apply(submitted(&[0; 8]));
    let (killer, mut next) = (TileId(2), 0);
    let mut ended = Vec::new();
    for _ in 0..200 {
        if !ended.is_empty() {
            break;
        }
        let effects = if let Some(view) = harness.scheduler.workers().first().cloned() {
            if view.leases.iter().any(|held| held.lease.tile == killer) {
                harness.lose(view.worker)
            } else {
                harness.finish(view.worker, view.leases[0].lease.clone())
            }
        } else {
            next += 1;
            harness.join(WorkerId(next), 4)
        };
        let strikes = effects.iter().filter_map(|effect| match effect {
            Effect::RecordFailure { lease, .. } => Some(lease.tile),
            _ => None,
        });
        assert!(strikes.into_iter().all(|tile| tile == killer), "{effects:?}");
        ended.extend(effects.into_iter().filter(|effect| matches!(effect, Effect::Ended { .. })));
    }
    assert!(matches!(&ended[..], [Effect::Ended { outcome: Outcome::Partial { .. }, .. }]), "{ended:?}");
    assert_eq!(harness.progress().done, 7);
    assert_eq!(next, 5, "one loss with suspects, three alone, and the worker that ends the sweep");
}

#[test]
fn suspects_do_not_wait_for_the_end_of_all_other_work() {
    let mut harness = Harness::empty();
    harness.apply(submitted(&[0; 20]));
    harness.join(W1, 2);
    harness.join(W2, 2);
    harness.lose(W1);
    // W2 is the only one left: it takes nothing new until it can compute the suspects alone.
    assert_eq!(harness.judge(W2, lease(2, 1)), (Verdict::Keep, vec![acknowledge(W2, lease(2, 1))]));
    let finished = harness.finish(W2, lease(3, 1));
    assert_eq!(finished.last(), Some(&grant(W2, 0, 2)), "{finished:?}");
    let finished = harness.finish(W2, lease(0, 2));
    assert_eq!(finished.last(), Some(&grant(W2, 1, 2)), "{finished:?}");
    let finished = harness.finish(W2, lease(1, 2));
    assert_eq!(finished[1..], [grant(W2, 4, 1), grant(W2, 5, 1)]);
}

#[test]
fn a_lease_of_a_lost_worker_that_was_revoked_is_not_blamed() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
    harness.apply(Event::Cancelled { sweep: sweep() });
    assert_eq!(harness.lose(W1), []);
}
