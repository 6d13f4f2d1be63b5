use super::*;

const W1: WorkerId = WorkerId(1);
const W2: WorkerId = WorkerId(2);

fn sweep() -> SweepId {
    SweepId("s".into())
}

/// Tiles of cost 10, one list entry per tile: its iteration.
fn submitted(iterations: &[u32]) -> Event {
    let tiles = iterations.iter().map(|&iteration| TileInfo { iteration, cost: 10 }).collect();
    Event::Submitted { sweep: sweep(), tiles }
}

fn lease(tile: u32, attempt: u32) -> Lease {
    Lease { epoch: Epoch(1), sweep: sweep(), tile: TileId(tile), attempt: Attempt(attempt) }
}

fn grant(worker: WorkerId, tile: u32, attempt: u32) -> Effect {
    Effect::Grant { worker, lease: lease(tile, attempt) }
}

struct Harness(Scheduler);

impl Harness {
    fn new(workers: &[WorkerId], credit: u32, iterations: &[u32]) -> (Self, Vec<Effect>) {
        let mut harness = Self(Scheduler::new(Epoch(1)));
        for &worker in workers {
            harness.apply(Event::Joined { worker, credit });
        }
        let effects = harness.apply(submitted(iterations));
        (harness, effects)
    }

    fn apply(&mut self, event: Event) -> Vec<Effect> {
        self.at(0, event)
    }

    fn at(&mut self, seconds: u64, event: Event) -> Vec<Effect> {
        let effects = self.0.apply(Duration::from_secs(seconds), event);
        self.0.sanity_check();
        effects
    }

    fn finish(&mut self, worker: WorkerId, lease: Lease) -> Vec<Effect> {
        self.apply(Event::Finished { worker, lease })
    }
}

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
fn a_sweep_ends_when_its_last_tile_is_kept() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0, 0]);
    let first = harness.finish(W1, lease(1, 1));
    assert_eq!(
        first[..2],
        [Effect::Keep { lease: lease(1, 1) }, Effect::Acknowledge { worker: W1, lease: lease(1, 1) }]
    );
    let last = harness.finish(W1, lease(0, 1));
    assert_eq!(last.last(), Some(&Effect::Ended { sweep: sweep(), outcome: Outcome::Done }));
    let progress = harness.0.progress(&sweep()).expect("known");
    assert_eq!((progress.done, progress.cost_done, progress.leased), (2, 20, 0));
}

#[test]
fn a_lost_workers_tiles_go_to_the_others_and_its_late_result_is_dropped() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0, 1]);
    harness.finish(W2, lease(1, 1));
    let effects = harness.apply(Event::Lost { worker: W1 });
    assert_eq!(effects, [grant(W2, 0, 2)]);
    let late = harness.finish(W1, lease(0, 1));
    assert_eq!(late, [Effect::Acknowledge { worker: W1, lease: lease(0, 1) }]);
    let kept = harness.finish(W2, lease(0, 2));
    assert_eq!(kept[0], Effect::Keep { lease: lease(0, 2) });
}

#[test]
fn results_of_another_epoch_or_said_twice_are_not_kept() {
    let (mut harness, _) = Harness::new(&[W1], 2, &[0, 0]);
    let other_life = Lease { epoch: Epoch(0), ..lease(0, 1) };
    assert_eq!(harness.finish(W1, other_life.clone()), [Effect::Acknowledge { worker: W1, lease: other_life }]);
    harness.finish(W1, lease(0, 1));
    assert_eq!(harness.finish(W1, lease(0, 1)), [Effect::Acknowledge { worker: W1, lease: lease(0, 1) }]);
}

#[test]
fn a_tile_that_keeps_failing_ends_its_sweep_with_the_reason() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0, 0]);
    let mut fail = |attempt| {
        let reason = "no such folder".to_owned();
        harness.apply(Event::Failed { worker: W1, lease: lease(0, attempt), reason })
    };
    assert!(fail(1).contains(&grant(W1, 0, 2)));
    assert!(fail(2).contains(&grant(W1, 0, 3)));
    let ended = fail(3);
    let reason = "tile t0 failed 3 times, last on w1: no such folder".to_owned();
    assert_eq!(ended.last(), Some(&Effect::Ended { sweep: sweep(), outcome: Outcome::Failed { reason } }));
}

#[test]
fn a_tile_that_fails_on_one_worker_goes_to_another() {
    let (mut harness, effects) = Harness::new(&[W1, W2], 1, &[0, 0, 0]);
    assert_eq!(effects, [grant(W1, 0, 1), grant(W2, 1, 1)]);
    let failed = harness.apply(Event::Failed { worker: W1, lease: lease(0, 1), reason: "broken".into() });
    assert!(failed.contains(&grant(W1, 2, 1)), "{failed:?}");
    let freed = harness.finish(W2, lease(1, 1));
    assert!(freed.contains(&grant(W2, 0, 2)), "{freed:?}");
}

#[test]
fn a_worker_with_another_model_gets_no_more_tiles_of_the_sweep() {
    let (mut harness, _) = Harness::new(&[W1, W2], 2, &[0, 0, 0, 0]);
    let unfit = harness.apply(Event::Unfit { worker: W1, lease: lease(0, 1), reason: "other weights".into() });
    assert_eq!(
        unfit,
        [Effect::Revoke { worker: W1, lease: lease(2, 1) }, Effect::Acknowledge { worker: W1, lease: lease(0, 1) }]
    );
    for (tile, attempt) in [(1, 1), (3, 1), (0, 2)] {
        harness.finish(W2, lease(tile, attempt));
    }
    let last = harness.finish(W2, lease(2, 2));
    assert_eq!(last.last(), Some(&Effect::Ended { sweep: sweep(), outcome: Outcome::Done }));
}

#[test]
fn a_sweep_that_nobody_is_fit_for_fails_with_the_reason() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0, 0]);
    let unfit = harness.apply(Event::Unfit { worker: W1, lease: lease(0, 1), reason: "other weights".into() });
    let reason = "no other worker is there for tile t0 than w1: other weights".to_owned();
    assert_eq!(unfit.last(), Some(&Effect::Ended { sweep: sweep(), outcome: Outcome::Failed { reason } }));
}

#[test]
fn only_the_lease_in_hand_is_blamed_for_a_lost_worker() {
    let (mut harness, _) = Harness::new(&[], 2, &[0, 0]);
    for attempt in 1..MAX_LOSSES {
        let effects = harness.apply(Event::Joined { worker: W1, credit: 2 });
        assert_eq!(effects, [grant(W1, 0, attempt), grant(W1, 1, attempt)]);
        assert_eq!(harness.apply(Event::Lost { worker: W1 }), []);
    }
    harness.apply(Event::Joined { worker: W1, credit: 2 });
    harness.finish(W1, lease(0, MAX_LOSSES));
    assert_eq!(harness.apply(Event::Lost { worker: W1 }), [], "the first loss that the second tile is blamed for");
}

#[test]
fn handing_back_is_no_failure() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0]);
    for attempt in 1..=10 {
        harness.apply(Event::Leaving { worker: W1 });
        harness.apply(Event::Lost { worker: W1 });
        let effects = harness.apply(Event::Joined { worker: W1, credit: 1 });
        assert_eq!(effects, [grant(W1, 0, attempt + 1)]);
    }
}

#[test]
fn silent_workers_are_disconnected_and_heard_ones_are_not() {
    let (mut harness, _) = Harness::new(&[W1, W2], 1, &[0, 1]);
    harness.at(14, Event::Heard { worker: W2 });
    let effects = harness.at(15, Event::Tick);
    assert_eq!(effects, [Effect::Disconnect { worker: W1 }]);
    assert_eq!(harness.at(16, Event::Finished { worker: W2, lease: lease(1, 1) }).last(), Some(&grant(W2, 0, 2)));
}

#[test]
fn cancelling_revokes_what_workers_hold() {
    let (mut harness, _) = Harness::new(&[W1], 1, &[0, 0]);
    let effects = harness.apply(Event::Cancelled { sweep: sweep() });
    assert_eq!(
        effects,
        [
            Effect::Revoke { worker: W1, lease: lease(0, 1) },
            Effect::Ended { sweep: sweep(), outcome: Outcome::Cancelled }
        ]
    );
}
