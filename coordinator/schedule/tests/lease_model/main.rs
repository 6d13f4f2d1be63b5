//! All that can happen to two workers and two tiles when the coordinator starts again once, one message comes twice, one
//! connection breaks and sweeps are removed whose names others get, checked without gaps: the real scheduler, with a model
//! of journal, network and workers.
//!
//! Each step brings a message, a result or a commit nearer to its end, and faults are counted, so that no path goes
//! round in circles: with no tile stuck where nothing but a fault can happen, every sweep ends.

mod protocol;

use stateright::{Checker, Model, Property};

use protocol::{Faults, Protocol, Seen, State, Step};

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.init()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        steps.extend(state.work());
        steps.extend(state.faults());
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        self.take(&mut next, step);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(NO_LOST_ACKNOWLEDGEMENT, |_, state: &State| state.acknowledged.is_subset(&state.disk)),
            Property::always("no tile is merged twice", |_, state: &State| !state.seen.contains(&Seen::MergedTwice)),
            Property::always("no tile is stuck", |_, state: &State| {
                !state.work().is_empty() || state.disk.len() == protocol::TILES as usize
            }),
            Property::always("no innocent tile is given up", |_, state: &State| !state.seen.contains(&Seen::GaveUp)),
            Property::always("no scores count for another sweep", |_, state: &State| {
                !state.seen.contains(&Seen::Mistaken)
            }),
        ];
        // The faults do what they are for.
        if self.faults.restarts > 0 {
            properties.push(Property::sometimes("a restart loses scores", |_, state: &State| {
                state.seen.contains(&Seen::LostScores)
            }));
            properties.push(Property::sometimes("a lease of an earlier life counts", |_, state: &State| {
                state.seen.contains(&Seen::Adopted)
            }));
        }
        if self.faults.removals > 0 {
            properties.push(Property::sometimes("scores of a removed sweep come", |_, state: &State| {
                state.seen.contains(&Seen::OfAnother)
            }));
        }
        if self.faults.duplicates > 0 {
            properties.push(Property::sometimes("a second result is dropped", |_, state: &State| {
                state.seen.contains(&Seen::DroppedTwice)
            }));
        }
        properties
    }
}

const NO_LOST_ACKNOWLEDGEMENT: &str = "what is acknowledged is on disk";

fn check_all(credit: u32, models: u32, faults: Faults) {
    let protocol = Protocol { credit, holds_acknowledgements_back: true, models, faults };
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn a_restart_and_a_duplicate_lose_nothing_merge_nothing_twice_and_leave_no_tile_stuck() {
    check_all(1, 1, Faults { restarts: 1, removals: 0, duplicates: 1, breaks: 0 });
}

#[test]
fn nor_do_a_restart_and_a_broken_connection() {
    check_all(1, 1, Faults { restarts: 1, removals: 0, duplicates: 0, breaks: 1 });
}

#[test]
fn nor_do_a_duplicate_and_a_broken_connection_of_workers_that_hold_several_leases() {
    check_all(2, 1, Faults { restarts: 0, removals: 0, duplicates: 1, breaks: 1 });
}

#[test]
fn nor_does_any_of_this_where_each_tile_needs_another_model() {
    check_all(1, 2, Faults { restarts: 1, removals: 0, duplicates: 1, breaks: 0 });
    check_all(1, 2, Faults { restarts: 1, removals: 0, duplicates: 0, breaks: 1 });
    check_all(2, 2, Faults { restarts: 0, removals: 0, duplicates: 1, breaks: 1 });
}

#[test]
fn what_a_removed_sweep_granted_is_nothing_to_the_one_that_gets_its_name() {
    check_all(1, 1, Faults { restarts: 0, removals: 1, duplicates: 1, breaks: 0 });
    check_all(1, 2, Faults { restarts: 0, removals: 1, duplicates: 1, breaks: 0 });
    check_all(1, 1, Faults { restarts: 1, removals: 1, duplicates: 0, breaks: 0 });
}

/// 4,100,000 states in some minutes: `cargo test -p patchsweep-schedule --test lease_model -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn nor_do_all_of_them_together() {
    for credit in 1..=2 {
        check_all(credit, 1, Faults { restarts: 1, removals: 0, duplicates: 1, breaks: 1 });
        check_all(credit, 1, Faults { restarts: 0, removals: 1, duplicates: 0, breaks: 1 });
    }
}

#[test]
fn the_check_finds_a_coordinator_that_acknowledges_before_it_commits() {
    let faults = Faults { restarts: 1, removals: 0, duplicates: 0, breaks: 0 };
    let protocol = Protocol { credit: 1, holds_acknowledgements_back: false, models: 1, faults };
    let checker = protocol.checker().spawn_bfs().join();
    assert!(checker.discovery(NO_LOST_ACKNOWLEDGEMENT).is_some(), "an acknowledgement goes out too early");
}
