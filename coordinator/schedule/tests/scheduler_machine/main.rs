//! Random sequences of everything that can happen to the scheduler, against a world that believes only its effects.
//!
//! Sweeps are of a few models, and machines say what they have loaded, be it so or not.
//! Machines compute what they were granted, fail, hang, leave, die, and come back with what they still hold; results
//! are repeated and come late; the coordinator starts again from what was journaled, and removed sweeps' names are given
//! again. The world checks each effect as it
//! comes and, at the end, that every sweep ends once workers stay and answer.

mod world;

use patchsweep_schedule::TileInfo;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use world::World;

/// Sweeps of one sequence.
const MOST_SWEEPS: usize = 3;

/// What happens. Numbers choose among what is there; where nothing is, nothing happens.
#[derive(Clone, Debug)]
enum Step {
    Submit {
        /// One of a few.
        model: u64,
        tiles: Vec<TileInfo>,
        priority: u8,
        /// By tile, the machine that leaves it to others, if there is one.
        avoid: Vec<usize>,
    },
    Cancel {
        sweep: usize,
    },
    Resume {
        sweep: usize,
    },
    /// A machine connects, or comes back; with what it holds, or as another process.
    Connect {
        machine: usize,
        credit: u32,
        brings_leases: bool,
        /// One bit each.
        models: u64,
    },
    /// A machine says which models it has in memory, true or not.
    SayLoaded {
        machine: usize,
        models: u64,
    },
    /// Its stream breaks; the scheduler may not notice.
    Break {
        machine: usize,
        noticed: bool,
    },
    Finish {
        machine: usize,
        lease: usize,
        /// Seconds.
        loading: u64,
    },
    /// A result that was sent before comes again, from the worker that is connected there now.
    Repeat {
        machine: usize,
        result: usize,
    },
    Fail {
        machine: usize,
        lease: usize,
    },
    Release {
        machine: usize,
        lease: usize,
    },
    Unfit {
        machine: usize,
        lease: usize,
    },
    Leave {
        machine: usize,
        finishes: usize,
    },
    Drain {
        machine: usize,
    },
    /// Time goes by; all but one machine send heartbeats.
    Wait {
        seconds: u64,
        silent: usize,
    },
    Restart,
    /// A sweep that has ended is removed, and after a restart another one gets its name.
    Replace {
        sweep: usize,
        tiles: Vec<TileInfo>,
    },
}

struct Reference;

impl ReferenceStateMachine for Reference {
    /// Sweeps that were submitted.
    type State = usize;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<usize> {
        Just(0).boxed()
    }

    fn transitions(_: &usize) -> BoxedStrategy<Step> {
        let tile = (0..3_u32, 0..100_u64).prop_map(|(iteration, cost)| TileInfo { iteration, cost });
        let tiles = || proptest::collection::vec(tile.clone(), 0..9);
        let machine = || 0..world::MACHINES;
        let lease = || 0..4_usize;
        let models = || 0..1_u64 << world::MODELS;
        let loading = prop_oneof![4 => Just(0), 1 => 1..2_u64, 1 => Just(1_000_000)];
        let seconds = prop_oneof![0..5_u64, 10..20_u64, 60..700_u64];
        prop_oneof![
            4 => (0..world::MODELS, tiles(), 1..=100_u8, proptest::collection::vec(0..2 * world::MACHINES, 0..9))
                .prop_map(|(model, tiles, priority, avoid)| Step::Submit { model, tiles, priority, avoid }),
            1 => (0..MOST_SWEEPS).prop_map(|sweep| Step::Cancel { sweep }),
            1 => (0..MOST_SWEEPS).prop_map(|sweep| Step::Resume { sweep }),
            10 => (machine(), 1..4_u32, any::<bool>(), models()).prop_map(|(machine, credit, brings_leases, models)| {
                Step::Connect { machine, credit, brings_leases, models }
            }),
            4 => (machine(), models()).prop_map(|(machine, models)| Step::SayLoaded { machine, models }),
            5 => (machine(), any::<bool>()).prop_map(|(machine, noticed)| Step::Break { machine, noticed }),
            12 => (machine(), lease(), loading)
                .prop_map(|(machine, lease, loading)| Step::Finish { machine, lease, loading }),
            3 => (machine(), 0..50_usize).prop_map(|(machine, result)| Step::Repeat { machine, result }),
            6 => (machine(), lease()).prop_map(|(machine, lease)| Step::Fail { machine, lease }),
            2 => (machine(), lease()).prop_map(|(machine, lease)| Step::Release { machine, lease }),
            1 => (machine(), lease()).prop_map(|(machine, lease)| Step::Unfit { machine, lease }),
            1 => (machine(), lease()).prop_map(|(machine, finishes)| Step::Leave { machine, finishes }),
            1 => machine().prop_map(|machine| Step::Drain { machine }),
            4 => (seconds, machine()).prop_map(|(seconds, silent)| Step::Wait { seconds, silent }),
            1 => Just(Step::Restart),
            1 => (0..MOST_SWEEPS, tiles()).prop_map(|(sweep, tiles)| Step::Replace { sweep, tiles }),
        ]
        .boxed()
    }

    fn apply(submitted: usize, step: &Step) -> usize {
        submitted + usize::from(matches!(step, Step::Submit { .. }))
    }

    fn preconditions(&submitted: &usize, step: &Step) -> bool {
        submitted < MOST_SWEEPS || !matches!(step, Step::Submit { .. })
    }
}

struct SchedulerTest;

impl StateMachineTest for SchedulerTest {
    type SystemUnderTest = World;
    type Reference = Reference;

    fn init_test(_: &usize) -> World {
        World::new()
    }

    fn apply(mut world: World, _: &usize, step: Step) -> World {
        world.take(step);
        world
    }

    fn check_invariants(world: &World, _: &usize) {
        world.assert_invariants();
    }

    fn teardown(mut world: World, _: usize) {
        world.let_everything_end();
    }
}

prop_state_machine! {
    #![proptest_config(Config { max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn whatever_happens_the_scheduler_keeps_its_promises(sequential 1..120 => SchedulerTest);
}
