//! Power failures at any moment.

use patchsweep_core::ids::TileId;
use patchsweep_core::status::SweepState;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::disks::Disk;
use super::sample::{contents, ended, result, sweep};
use crate::state::{Entry, KeptSweep, StateError, Store};

const SEEDS: u64 = 250;
/// Of lives in which sweeps come and go, which take longer.
const COMING_AND_GOING: u64 = 100;
const LIVES: u64 = 3;

/// Writes batch after batch until the power fails; says which tiles were acknowledged, and which were being written.
struct Life<'a> {
    sweep: &'a KeptSweep,
    batches: Vec<Vec<u32>>,
}

impl Life<'_> {
    /// How many batches were acknowledged.
    fn live(&self, store: &Store) -> usize {
        let write = |batch: &&Vec<u32>| {
            let results = batch.iter().map(|&tile| Entry::Result(Box::new(result(self.sweep, tile, "w"))));
            let entries: Vec<Entry> = [Entry::Sweep(Box::new(self.sweep.clone()))].into_iter().chain(results).collect();
            store.write(&entries).is_ok()
        };
        self.batches.iter().take_while(write).count()
    }
}

fn tiles_of(store: &Store, sweep: &KeptSweep) -> Vec<u32> {
    let mut found = Vec::new();
    let each = |tile: TileId, kept| -> Result<(), StateError> {
        assert_eq!(kept, result(sweep, tile.0, "w"), "no result is half there");
        found.push(tile.0);
        Ok(())
    };
    store.for_each_result(&sweep.id, each).expect("results");
    found
}

/// Returns whether the power failed before the last life had written everything.
fn run(seed: u64) -> bool {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let sweep = sweep("a");
    let tiles = u32::try_from(sweep.plan.tiles.len()).expect("small");
    let mut next_tile = 0;
    let mut bytes = Vec::new();
    let (mut acknowledged, mut epoch) = (Vec::<u32>::new(), 0);
    let mut possible: Vec<Vec<u32>> = vec![Vec::new()];
    let mut fired = false;
    for life in 0..LIVES {
        let disk = Disk::new(std::mem::take(&mut bytes));
        disk.fail_after(random.random_range(0..120));
        if let Ok((store, found)) = Store::on_backend(disk.clone()) {
            assert!(found.epoch.0 > epoch, "an epoch is never used again");
            epoch = found.epoch.0;
            let there = tiles_of(&store, &sweep);
            assert!(possible.contains(&there), "{there:?} is none of {possible:?}");
            acknowledged = there;
            let mut batches = Vec::new();
            for _ in 0..4 {
                let end = tiles.min(next_tile + random.random_range(1..4));
                batches.push((next_tile..end).collect());
                next_tile = end;
            }
            let written = Life { sweep: &sweep, batches: batches.clone() };
            let count = written.live(&store);
            acknowledged.extend(batches[..count].concat());
            possible = vec![acknowledged.clone()];
            if let Some(unknown) = batches.get(count) {
                possible.push([acknowledged.clone(), unknown.clone()].concat());
            }
        }
        fired |= disk.has_failed();
        bytes = disk.survivors(seed * LIVES + life);
    }
    let (store, found) = Store::on_backend(Disk::new(bytes)).expect("a crash damages nothing");
    assert!(found.epoch.0 > epoch);
    let there = tiles_of(&store, &sweep);
    assert!(possible.contains(&there), "{there:?} is none of {possible:?}, acknowledged {acknowledged:?}");
    fired
}

#[test]
fn what_was_acknowledged_survives_a_power_failure_at_any_moment() {
    let mut fired = 0;
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| run(seed));
        fired += u64::from(outcome.unwrap_or_else(|_| panic!("seed {seed}")));
    }
    assert!(fired > SEEDS / 2, "the power failed in {fired} of {SEEDS} cases only");
}

/// What a coordinator does to its state when sweeps come and go.
#[derive(Clone, Debug)]
enum Act {
    /// A sweep that has ended, with so many results.
    Keep(String, u32),
    /// Sweeps are removed, in one entry.
    Remove(Vec<String>),
    /// The file gets smaller.
    Shrink,
}

impl Act {
    fn draw(random: &mut impl Rng, next: &mut u32, there: &[String]) -> Self {
        match random.random_range(0..3) {
            0 if !there.is_empty() => {
                let gone = there.iter().filter(|_| random.random_bool(0.6)).cloned();
                Self::Remove(gone.collect())
            }
            1 => Self::Shrink,
            _ => {
                *next += 1;
                Self::Keep(format!("s-{next}"), random.random_range(0..20))
            }
        }
    }

    fn apply(&self, store: &Store) -> Result<(), StateError> {
        match self {
            Self::Keep(name, tiles) => {
                let kept = sweep(name);
                let results = (0..*tiles).map(|tile| Entry::Result(Box::new(result(&kept, tile, name))));
                let (id, state) = (kept.id.clone(), SweepState::Cancelled);
                let end = Entry::Ended { sweep: id, state, seconds: 1.0, at: ended() };
                let begin = Entry::Sweep(Box::new(kept.clone()));
                store.write(&[begin].into_iter().chain(results).chain([end]).collect::<Vec<_>>())
            }
            Self::Remove(names) => {
                let sweeps = names.iter().cloned().map(patchsweep_core::ids::SweepId).collect();
                store.write(&[Entry::Removed { sweeps, is_idle: true }])
            }
            Self::Shrink => store.shrink(),
        }
    }
}

/// Lives in which sweeps come and go until the power fails; beside the disk, what it must hold. Returns whether the power
/// failed in the middle of a removal or of making the file smaller.
fn come_and_go(seed: u64) -> bool {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (shadow, _) = Store::in_memory().expect("memory");
    let (mut bytes, mut next, mut fired) = (Vec::new(), 0, false);
    // Of which it is not known whether it was done.
    let mut unknown: Option<Act> = None;
    for life in 0..=LIVES {
        let disk = Disk::new(std::mem::take(&mut bytes));
        if life < LIVES {
            disk.fail_after(random.random_range(0..250));
        }
        let opened = Store::on_backend(disk.clone());
        if let Ok((store, _)) = opened {
            if contents(&store) != contents(&shadow) {
                let act = unknown.take().expect("what was acknowledged is there");
                act.apply(&shadow).expect("memory does not fail");
                assert_eq!(contents(&store), contents(&shadow), "{act:?} was done by halves");
            }
            for _ in 0..8 {
                let there: Vec<String> = shadow.sweeps().expect("readable").into_iter().map(|id| id.0).collect();
                let act = Act::draw(&mut random, &mut next, &there);
                if act.apply(&store).is_err() {
                    fired |= !matches!(act, Act::Keep(..));
                    unknown = Some(act);
                    break;
                }
                act.apply(&shadow).expect("memory does not fail");
            }
        } else {
            assert!(disk.has_failed(), "{opened:?}");
        }
        bytes = disk.survivors(seed * LIVES + life);
    }
    fired
}

#[test]
fn a_power_failure_removes_sweeps_whole_or_not_at_all() {
    let mut fired = 0;
    for seed in 0..COMING_AND_GOING {
        let outcome = std::panic::catch_unwind(|| come_and_go(seed));
        fired += u64::from(outcome.unwrap_or_else(|_| panic!("seed {seed}")));
    }
    assert!(fired > COMING_AND_GOING / 10, "the power failed in {fired} of {COMING_AND_GOING} cases only");
}
