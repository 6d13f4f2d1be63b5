//! Sweeps with tiles to come.

use super::*;

fn more_to_come() -> Event {
    Event::MoreToCome { sweep: sweep() }
}

fn extended(iterations: &[u32]) -> Event {
    Event::Extended { sweep: sweep(), tiles: tiles(iterations) }
}

fn exhausted() -> Effect {
    Effect::Exhausted { sweep: sweep() }
}

#[test]
fn a_sweep_with_tiles_to_come_asks_for_them_once_and_ends_with_them() {
    let mut harness = Harness::empty();
    harness.join(W1, 2);
    assert_eq!(harness.apply(more_to_come()), []);
    harness.apply(submitted(&[0, 0]));
    assert!(!harness.finish(W1, lease(0, 1)).contains(&exhausted()));
    let last = harness.finish(W1, lease(1, 1));
    assert_eq!(last.last(), Some(&exhausted()));
    assert_eq!(harness.apply(Event::Tick), [], "it was asked");
    assert_eq!(harness.apply(extended(&[0])), [grant(W1, 2, 1)]);
    let Progress { total, done, cost_total, .. } = harness.progress();
    assert_eq!((total, done, cost_total), (3, 2, 30));
    assert_eq!(harness.finish(W1, lease(2, 1)).last(), Some(&ended(Outcome::Done)));
    assert_eq!(harness.apply(extended(&[0])), [], "it has ended");
}

#[test]
fn a_sweep_that_had_nothing_to_come_after_all_ends_at_once() {
    let mut harness = Harness::empty();
    harness.apply(more_to_come());
    assert_eq!(harness.apply(submitted_with(&[0], [(0, Past::Done)])), [exhausted()], "in a new life too");
    assert_eq!(harness.apply(extended(&[])), [ended(Outcome::Done)]);
}

#[test]
fn a_sweep_that_is_cancelled_waits_for_no_tiles() {
    let mut harness = Harness::empty();
    harness.apply(more_to_come());
    harness.apply(submitted_with(&[0], [(0, Past::Done)]));
    assert_eq!(harness.apply(Event::Cancelled { sweep: sweep() }), [ended(Outcome::Cancelled)]);
    assert_eq!(harness.apply(extended(&[0])), []);
    assert_eq!(harness.apply(submitted_with(&[0], [(0, Past::Done)])), [ended(Outcome::Done)], "all is there now");
}

#[test]
fn tiles_that_were_given_up_do_not_keep_others_from_coming() {
    let mut harness = Harness::empty();
    harness.join(W1, 1);
    harness.apply(more_to_come());
    let reason = "broken".to_owned();
    let given_up = Past::GivenUp { reason: reason.clone() };
    assert_eq!(harness.apply(submitted_with(&[0, 0], [(0, Past::Done), (1, given_up)])), [exhausted()]);
    harness.apply(extended(&[0]));
    assert_eq!(harness.finish(W1, lease(2, 1)).last(), Some(&ended(Outcome::Partial { reason })));
}

#[test]
fn nobody_is_asked_where_nothing_could_be_computed() {
    let mut harness = Harness::empty();
    harness.apply(more_to_come());
    let given_up = Past::GivenUp { reason: "broken".to_owned() };
    let effects = harness.apply(submitted_with(&[0], [(0, given_up)]));
    assert_eq!(effects, [ended(Outcome::Failed { reason: "broken".to_owned() })]);
}
