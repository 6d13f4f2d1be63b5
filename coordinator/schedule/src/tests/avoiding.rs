use super::*;

fn granted(effects: &[Effect]) -> Vec<(WorkerId, u32)> {
    let grant = |effect: &Effect| match effect {
        Effect::Grant { worker, lease } => Some((*worker, lease.tile.0)),
        _ => None,
    };
    effects.iter().filter_map(grant).collect()
}

#[test]
fn a_tile_goes_to_a_worker_that_does_not_avoid_it_even_if_that_one_is_busy() {
    let mut harness = Harness::empty();
    harness.join(W1, 2);
    harness.join(W2, 1);
    let effects = harness.apply(submitted_avoiding(&[&[W1], &[W1], &[W2]]));
    assert_eq!(granted(&effects), [(W1, 2), (W2, 0)], "tile 1 waits for W2");
    assert_eq!(granted(&harness.finish(W1, lease(2, 1))), []);
    assert_eq!(granted(&harness.finish(W2, lease(0, 1))), [(W2, 1)]);
}

#[test]
fn a_worker_that_is_alone_computes_what_it_avoids() {
    let mut harness = Harness::empty();
    harness.join(W1, 1);
    let effects = harness.apply(submitted_avoiding(&[&[W1], &[W1]]));
    assert_eq!(granted(&effects), [(W1, 0)]);
    harness.join(W2, 1);
    assert_eq!(granted(&harness.finish(W1, lease(0, 1))), [], "the other one has the last tile");
}

#[test]
fn what_all_avoid_is_computed_by_any() {
    let mut harness = Harness::empty();
    harness.join(W1, 1);
    harness.join(W2, 1);
    let effects = harness.apply(submitted_avoiding(&[&[W1, W2], &[W1, W2]]));
    assert_eq!(granted(&effects), [(W1, 0), (W2, 1)]);
}

#[test]
fn a_tile_comes_back_to_who_avoids_it_when_the_others_go() {
    for last in [
        Event::Lost { worker: W2 },
        Event::Draining { worker: W2 },
        Event::Unfit { worker: W2, lease: lease(0, 1), reason: "other weights".into() },
    ] {
        let mut harness = Harness::empty();
        harness.join(W1, 1);
        harness.join(W2, 1);
        assert_eq!(granted(&harness.apply(submitted_avoiding(&[&[W1], &[W1]]))), [(W2, 0)]);
        let effects = harness.apply(last);
        assert!(granted(&effects).iter().any(|&(worker, _)| worker == W1), "{effects:?}");
    }
}

#[test]
fn who_avoids_a_tile_still_gets_it_before_who_failed_on_it() {
    let mut harness = Harness::empty();
    harness.join(W1, 1);
    harness.join(W2, 1);
    assert_eq!(granted(&harness.apply(submitted_avoiding(&[&[W1]]))), [(W2, 0)]);
    assert_eq!(granted(&harness.fail(W2, lease(0, 1))), [(W1, 0)]);
}

#[test]
fn a_late_tile_is_not_computed_twice_by_who_avoids_it() {
    let mut harness = Harness::empty();
    harness.join(W1, 1);
    harness.join(W2, 1);
    harness.apply(submitted_avoiding(&[&[W1], &[W1]]));
    harness.seconds = 1;
    assert_eq!(granted(&harness.finish(W2, lease(0, 1))), [(W2, 1)]);
    assert_eq!(granted(&harness.tick_alive(30)), []);
    harness.join(W3, 1);
    assert_eq!(granted(&harness.tick_alive(31)), [(W3, 1)]);
}
