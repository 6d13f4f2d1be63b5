use super::*;

#[test]
fn workers_get_different_iterations_and_stay_with_theirs() {
    let (mut harness, effects) = Harness::new(&[W1, W2], 1, &[0, 0, 1, 1]);
    assert_eq!(effects, [grant(W1, 0, 1), grant(W2, 2, 1)]);
    let effects = harness.finish(W2, lease(2, 1));
    assert!(effects.contains(&grant(W2, 3, 1)), "{effects:?}");
    let effects = harness.finish(W2, lease(3, 1));
    assert!(effects.contains(&grant(W2, 1, 1)), "an idle worker helps with another's iteration: {effects:?}");
}

#[test]
fn a_third_worker_joins_the_iteration_that_fewest_hold() {
    let (mut harness, effects) = Harness::new(&[W1, W2], 1, &[0, 0, 0, 1, 1, 2]);
    assert_eq!(effects, [grant(W1, 0, 1), grant(W2, 3, 1)]);
    assert_eq!(harness.join(W3, 1), [grant(W3, 5, 1)]);
    harness.lose(W2);
    assert_eq!(harness.join(W4, 1), [grant(W4, 3, 2)], "W2 has taken its activations with it");
}

#[test]
fn the_last_tiles_are_spread_over_the_workers() {
    let (_, effects) = Harness::new(&[W1, W2], 4, &[0, 0, 0, 0]);
    assert_eq!(effects, [grant(W1, 0, 1), grant(W2, 1, 1), grant(W1, 2, 1), grant(W2, 3, 1)]);
}

#[test]
fn a_tile_that_fails_on_one_worker_goes_to_another_and_comes_first_there() {
    let (mut harness, effects) = Harness::new(&[W1, W2], 1, &[0, 0, 0, 0]);
    assert_eq!(effects, [grant(W1, 0, 1), grant(W2, 1, 1)]);
    let failed = harness.fail(W1, lease(0, 1));
    assert!(failed.contains(&grant(W1, 2, 1)), "{failed:?}");
    let freed = harness.finish(W2, lease(1, 1));
    assert!(freed.contains(&grant(W2, 0, 2)), "{freed:?}");
}

#[test]
fn a_tile_that_failed_on_everybody_is_tried_again_by_any_of_them() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0]);
    let failed = harness.fail(W1, lease(0, 1));
    assert_eq!(failed.last(), Some(&grant(W2, 0, 2)));
    let failed = harness.fail(W2, lease(0, 2));
    assert_eq!(failed.last(), Some(&grant(W1, 0, 3)), "{failed:?}");
}

#[test]
fn a_tile_left_to_another_worker_comes_back_when_that_one_goes() {
    for last in [
        Event::Lost { worker: W2 },
        Event::Draining { worker: W2 },
        Event::Leaving { worker: W2, finishing: vec![lease(1, 1)] },
        Event::Unfit { worker: W2, lease: lease(9, 1), reason: "other weights".into() },
    ] {
        let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0, 0]);
        assert_eq!(harness.fail(W1, lease(0, 1)).last(), Some(&acknowledge(W1, lease(0, 1))), "W2 is there for it");
        let effects = harness.apply(last);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Grant { worker: W1, .. })), "{effects:?}");
    }
}

#[test]
fn many_iterations_are_remembered_only_so_far() {
    let iterations: Vec<u32> = (0..40).collect();
    let (mut harness, _) = Harness::new(&[W1], 1, &iterations);
    for tile in 0..40 {
        harness.finish(W1, lease(tile, 1));
    }
    assert_eq!(harness.progress().done, 40);
}
