//! Power failures at any moment.

use patchsweep_proto::ids::TileId;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::disks::Disk;
use super::sample::{result, sweep};
use crate::state::{Entry, KeptSweep, StateError, Store};

const SEEDS: u64 = 250;
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
            let results = batch.iter().map(|&tile| Entry::Result(result(self.sweep, tile, "w")));
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
