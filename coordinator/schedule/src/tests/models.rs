//! Sweeps of different models: who loads what, and when.

use super::*;

const A: ModelKey = ModelKey(10);
const B: ModelKey = ModelKey(11);
const C: ModelKey = ModelKey(12);

/// Tiles of one iteration and cost 10.
fn submit(name: &str, model: ModelKey, tiles: usize) -> Event {
    let tiles = vec![TileInfo { iteration: 0, cost: 10 }; tiles];
    let (since, priority, past, avoid) = (Epoch(1), Priority::default(), BTreeMap::new(), BTreeMap::new());
    Event::Submitted { sweep: named(name), since, model, tiles, priority, past, avoid }
}

fn with_sweeps(sweeps: &[(&str, ModelKey, usize)]) -> Harness {
    let mut harness = Harness::empty();
    for &(name, model, tiles) in sweeps {
        harness.apply(submit(name, model, tiles));
    }
    harness
}

fn loaded(worker: WorkerId, models: &[ModelKey]) -> Event {
    Event::Loaded { worker, models: models.iter().copied().collect() }
}

/// The sweeps of what a worker holds.
fn held(harness: &Harness, worker: WorkerId) -> Vec<String> {
    harness.view(worker).leases.iter().map(|held| held.lease.sweep.0.clone()).collect()
}

/// The worker finishes its oldest tile, after one second of computing and so many of loading; says of which sweep.
fn finish_next(harness: &mut Harness, worker: WorkerId, loading: u64) -> String {
    let lease = harness.view(worker).leases[0].lease.clone();
    let (busy, loading) = (Duration::from_secs(1 + loading), Duration::from_secs(loading));
    harness.take(Finished { worker, lease: lease.clone(), busy, loading });
    lease.sweep.0
}

/// How often in a row the worker's tiles are of the same sweep.
fn stints(harness: &mut Harness, worker: WorkerId, tiles: usize) -> Vec<usize> {
    let mut stints: Vec<(String, usize)> = Vec::new();
    for _ in 0..tiles {
        let sweep = finish_next(harness, worker, 0);
        match stints.last_mut().filter(|(last, _)| *last == sweep) {
            Some((_, count)) => *count += 1,
            None => stints.push((sweep, 1)),
        }
    }
    stints.into_iter().map(|(_, count)| count).collect()
}

#[test]
fn two_workers_and_two_models_make_one_each() {
    let mut harness = with_sweeps(&[("a", A, 50), ("b", B, 50)]);
    harness.join(W1, 2);
    harness.join(W2, 2);
    for _ in 0..40 {
        assert_eq!(finish_next(&mut harness, W1, 0), "a");
        assert_eq!(finish_next(&mut harness, W2, 0), "b");
    }
}

#[test]
fn a_worker_stays_until_the_other_sweep_is_behind_by_ten_loads() {
    let mut harness = with_sweeps(&[("a", A, 500), ("b", B, 500)]);
    harness.join(W1, 1);
    // One second a tile, and a load counts as one second.
    let stints = stints(&mut harness, W1, 200);
    assert_eq!(stints[..3], [11, 22, 22], "ten behind, then ten ahead; the tile in hand is no lead");
    assert!(stints[1..stints.len() - 1].iter().all(|&stint| stint == 22), "{stints:?}");
}

#[test]
fn what_loading_takes_is_measured() {
    let mut harness = with_sweeps(&[("a", A, 500), ("b", B, 500)]);
    harness.join(W1, 1);
    assert_eq!(finish_next(&mut harness, W1, 6), "a");
    assert_eq!(harness.view(W1).rate, Some(10), "loading is not computing");
    assert_eq!(stints(&mut harness, W1, 10), [10], "b's model has not been measured");
    assert_eq!(finish_next(&mut harness, W1, 6), "b");
    let later = stints(&mut harness, W1, 300);
    assert_eq!(later[1], 122, "sixty behind, then sixty ahead: {later:?}");
}

#[test]
fn a_worker_with_both_models_takes_turns() {
    let mut harness = with_sweeps(&[("a", A, 50), ("b", B, 50)]);
    let loaded = BTreeSet::from([A, B]);
    harness.apply(Event::Joined { worker: W1, credit: 1, held: Vec::new(), loaded });
    assert_eq!(stints(&mut harness, W1, 40), [1; 40]);
}

#[test]
fn a_load_on_the_way_may_drop_what_is_there() {
    let mut harness = with_sweeps(&[("a", A, 50)]);
    harness.join(W1, 1);
    finish_next(&mut harness, W1, 0);
    harness.apply(Event::Cancelled { sweep: named("a") });
    let revoked = harness.view(W1).leases[0].lease.clone();
    harness.apply(submit("b", B, 50));
    harness.release(W1, revoked);
    harness.apply(submit("a2", A, 50));
    assert_eq!(held(&harness, W1), ["b"]);
    assert_eq!(stints(&mut harness, W1, 9), [9], "it has A, but will have B");
}

#[test]
fn nobody_idles_for_the_sake_of_a_model() {
    let mut harness = with_sweeps(&[("a", A, 2), ("b", B, 9)]);
    harness.join(W1, 2);
    assert_eq!(held(&harness, W1), ["a", "a"]);
    finish_next(&mut harness, W1, 0);
    assert_eq!(held(&harness, W1), ["a", "b"], "a has no tile left");
    harness.join(W2, 9);
    assert_eq!(held(&harness, W2).len(), 8);
}

#[test]
fn sweeps_of_one_model_take_turns() {
    let mut harness = with_sweeps(&[("a", A, 50), ("a2", A, 50), ("b", B, 50)]);
    harness.join(W1, 1);
    let first: BTreeSet<String> = (0..4).map(|_| finish_next(&mut harness, W1, 0)).collect();
    assert_eq!(first, BTreeSet::from(["a".into(), "a2".into()]));
}

#[test]
fn the_first_tile_after_a_change_of_models_has_ten_minutes_again() {
    let mut harness = with_sweeps(&[("a", A, 1), ("b", B, 1), ("a2", A, 1)]);
    harness.join(W1, 1);
    assert_eq!(finish_next(&mut harness, W1, 0), "a");
    assert_eq!(finish_next(&mut harness, W1, 0), "a2");
    assert_eq!(held(&harness, W1), ["b"]);
    assert_eq!(harness.tick_alive(600), []);
    assert!(!harness.tick_alive(601).is_empty());
}

#[test]
fn a_model_that_was_dropped_may_take_as_long_again() {
    let mut harness = with_sweeps(&[("a", A, 9)]);
    harness.join(W1, 1);
    finish_next(&mut harness, W1, 0);
    harness.apply(loaded(W1, &[B]));
    assert_eq!(harness.tick_alive(600), [], "the sweep is known, its model is not there");
    assert!(!harness.tick_alive(601).is_empty());
}

#[test]
fn the_deadline_of_a_tile_begins_when_its_model_is_loaded() {
    let mut harness = with_sweeps(&[("a", A, 9)]);
    harness.join(W1, 1);
    harness.join(W2, 1);
    finish_next(&mut harness, W2, 0);
    harness.tick_alive(500);
    harness.apply(loaded(W1, &[A, C]));
    harness.apply(loaded(W1, &[A, C]));
    finish_next(&mut harness, W2, 0);
    assert_eq!(harness.tick_alive(560), []);
    assert_eq!(harness.view(W1).head_since, Duration::ZERO, "it has had the tile all the time");
    assert!(!harness.tick_alive(561).is_empty());
}

#[test]
fn a_late_tile_goes_to_an_idle_worker_with_its_model() {
    let mut harness = with_sweeps(&[("a", A, 2)]);
    harness.join(W1, 1);
    finish_next(&mut harness, W1, 0);
    harness.join(W2, 1);
    harness.join(W3, 1);
    harness.apply(loaded(W3, &[A]));
    let doubled = harness.tick_alive(4);
    assert!(matches!(doubled[..], [Effect::Grant { worker: W3, .. }]), "{doubled:?}");
    harness.lose(W3);
    harness.apply(Event::Cancelled { sweep: named("a") });
}

#[test]
fn a_late_tile_goes_to_one_without_rather_than_to_none() {
    let mut harness = with_sweeps(&[("a", A, 2)]);
    harness.join(W1, 1);
    finish_next(&mut harness, W1, 0);
    harness.join(W2, 1);
    let doubled = harness.tick_alive(4);
    assert!(matches!(doubled[..], [Effect::Grant { worker: W2, .. }]), "{doubled:?}");
}

#[test]
fn loading_is_not_being_late() {
    let mut harness = with_sweeps(&[("a", A, 3)]);
    harness.join(W1, 1);
    finish_next(&mut harness, W1, 60);
    harness.join(W2, 1);
    finish_next(&mut harness, W1, 0);
    harness.join(W3, 1);
    assert_eq!(harness.tick_alive(3 * 61), [], "W2 has to load");
    let doubled = harness.tick_alive(3 * 61 + 1);
    assert!(matches!(doubled[..], [Effect::Grant { .. }]), "{doubled:?}");
}

#[test]
fn a_suspect_goes_to_a_worker_with_its_model_but_does_not_wait_for_one() {
    for has_model in [true, false] {
        let mut harness = with_sweeps(&[("a", A, 90)]);
        harness.join(W1, 2);
        harness.join(W2, 2);
        finish_next(&mut harness, W1, 0);
        finish_next(&mut harness, W2, 0);
        harness.apply(submit("b", B, 2));
        finish_next(&mut harness, W1, 0);
        harness.join(W3, 2);
        assert_eq!(held(&harness, W3), ["b", "b"]);
        if has_model {
            harness.apply(loaded(W2, &[A, B]));
        }
        harness.lose(W3);
        let heir = if has_model { W2 } else { W1 };
        let other = if has_model { W1 } else { W2 };
        for _ in 0..2 {
            finish_next(&mut harness, other, 0);
            finish_next(&mut harness, heir, 0);
        }
        assert_eq!(held(&harness, heir), ["b"], "alone");
        assert_eq!(held(&harness, other), ["a", "a"]);
    }
}

#[test]
fn who_was_kept_free_for_a_suspect_goes_on_when_another_worker_comes_by_its_model() {
    let mut harness = with_sweeps(&[("b", B, 4)]);
    harness.join(W1, 2);
    harness.join(W2, 2);
    harness.apply(submit("a", A, 6));
    harness.join(W3, 2);
    harness.lose(W3);
    finish_next(&mut harness, W1, 0);
    assert_eq!(held(&harness, W1), ["b"], "nobody has A, so that the first worker is kept free");
    finish_next(&mut harness, W2, 0);
    assert_eq!(held(&harness, W2), ["b", "a"], "it will have A, and is kept free from now on");
    assert_eq!(held(&harness, W1), ["b", "a"]);
}

#[test]
fn one_of_two_workers_changes_as_soon_as_the_other_sweep_is_behind_by_a_load() {
    let mut harness = with_sweeps(&[("a", A, 100)]);
    harness.join(W1, 2);
    harness.join(W2, 2);
    for worker in [W1, W2, W1, W2] {
        assert_eq!(finish_next(&mut harness, worker, 0), "a");
    }
    harness.apply(submit("b", B, 100));
    finish_next(&mut harness, W1, 0);
    assert_eq!(held(&harness, W1), ["a", "a"], "b is not behind yet");
    finish_next(&mut harness, W2, 0);
    finish_next(&mut harness, W1, 0);
    assert_eq!(held(&harness, W1), ["a", "b"]);
    for _ in 0..20 {
        finish_next(&mut harness, W1, 0);
        finish_next(&mut harness, W2, 0);
    }
    assert_eq!((held(&harness, W1), held(&harness, W2)), (vec!["b".to_owned(); 2], vec!["a".to_owned(); 2]));
}
