//! Sweeps that are forgotten, and the room that they took.

use std::sync::Arc;

use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::status::SweepState;

use super::disks::Disk;
use super::sample::{contents, ended, failure, result, sweep};
use crate::state::{Entry, KeptSweep, StateError, Store};

fn removed(sweep: &KeptSweep) -> Entry {
    Entry::Removed { sweeps: vec![sweep.id.clone()], is_idle: true }
}

/// A sweep with results and failures that was cancelled.
fn life(sweep: &KeptSweep) -> Vec<Entry> {
    let mut entries = vec![Entry::Sweep(Box::new(sweep.clone()))];
    entries.extend((0..5).map(|tile| Entry::Result(Box::new(result(sweep, tile, "w")))));
    entries.push(failure(sweep, 5, 1, "bad"));
    let (sweep, state) = (sweep.id.clone(), SweepState::Cancelled);
    entries.push(Entry::Ended { sweep, state, seconds: 1.0, at: ended() });
    entries
}

/// One whose spec takes so many bytes, no two of which are alike.
fn large(name: &str, bytes: usize) -> KeptSweep {
    let mut kept = sweep(name);
    Arc::make_mut(&mut kept.plan).spec_text = name.repeat(bytes / name.len());
    kept
}

#[test]
fn nothing_is_left_of_a_removed_sweep_and_nothing_else_is_touched() {
    let disk = Disk::new(Vec::new());
    let (store, _) = Store::on_backend(disk.clone()).expect("new");
    // The one in the middle, whose name begins like its neighbour's.
    let [first, gone, last] = ["a", "a-1", "a-11"].map(sweep);
    for kept in [&first, &last] {
        store.write(&life(kept)).expect("written");
    }
    let before = contents(&store);
    store.write(&life(&gone)).expect("written");
    store.write(&[removed(&gone)]).expect("written");
    assert_eq!(contents(&store), before);
    assert!(store.result(&gone.id, TileId(0)).expect("read").is_none());
    drop(store);
    let (store, found) = Store::on_backend(disk).expect("the other records fit each other");
    assert_eq!(contents(&store), before);
    let ids: Vec<&SweepId> = found.sweeps.iter().map(|sweep| &sweep.status.sweep).collect();
    assert_eq!(ids, [&first.id, &last.id]);
    assert_eq!(found.sweeps[0].ended, Some(ended()));
}

#[test]
fn removing_again_is_removing_once_and_a_name_may_come_back() {
    let (store, _) = Store::in_memory().expect("new");
    let kept = sweep("a");
    let entries: Vec<Entry> =
        life(&kept).into_iter().chain([removed(&kept), Entry::Sweep(Box::new(kept.clone()))]).collect();
    store.write(&entries).expect("written");
    let once = contents(&store);
    assert_eq!(once.len(), 1, "the new sweep has no results: {once:?}");
    store.write(&entries).expect("written again");
    assert_eq!(contents(&store), once);
    store.write(&[removed(&kept), removed(&kept)]).expect("written");
    assert!(contents(&store).is_empty());
    store.write(&[removed(&kept)]).expect("written");
}

#[test]
fn a_reader_sees_what_was_there_when_it_began() {
    let (store, _) = Store::in_memory().expect("new");
    let kept = sweep("a");
    store.write(&life(&kept)).expect("written");
    let snapshot = store.snapshot().expect("readable");
    store.write(&[removed(&kept)]).expect("written");
    assert!(matches!(store.shrink(), Err(StateError::Busy { .. })), "it is being read");
    assert_eq!(snapshot.done_tiles(&kept.id).expect("readable"), [0, 1, 2, 3, 4].map(TileId));
    assert_eq!(snapshot.failed_tiles(&kept.id).expect("readable"), [TileId(5)]);
    assert_eq!(snapshot.result(&kept.id, TileId(3)).expect("readable"), Some(result(&kept, 3, "w")));
    drop(snapshot);
    store.shrink().expect("nobody reads");
    assert!(store.snapshot().expect("readable").done_tiles(&kept.id).expect("readable").is_empty());
}

const MIB: usize = 1 << 20;

/// A folder with 100 MB, all but one of which are then removed.
fn spacious() -> (tempfile::TempDir, Store, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(folder.path()).expect("new");
    let names: Vec<String> = (0..100).map(|number| format!("sweep-{number}")).collect();
    for name in &names {
        store.write(&life(&large(name, MIB))).expect("written");
    }
    assert!(store.bytes() >= 100 * MIB as u64);
    let gone: Vec<SweepId> = names.iter().filter(|name| *name != "sweep-70").cloned().map(SweepId).collect();
    store.write(&[Entry::Removed { sweeps: gone, is_idle: false }]).expect("written");
    let left = contents(&store);
    (folder, store, left)
}

/// As `du` sees it.
fn bytes_of(folder: &tempfile::TempDir) -> usize {
    let length = std::fs::metadata(folder.path().join("state.redb")).expect("a file").len();
    usize::try_from(length).expect("small")
}

#[test]
fn the_file_gives_back_the_room_of_removed_sweeps_when_it_is_opened_again() {
    let (folder, store, left) = spacious();
    drop(store);
    let before = bytes_of(&folder);
    let (store, _) = Store::open(folder.path()).expect("there");
    assert_eq!(contents(&store), left);
    drop(store);
    let after = bytes_of(&folder);
    println!("{before} bytes before, {after} after");
    assert!(after <= 5 * MIB, "{after} bytes for one sweep of {MIB}");
    let (store, _) = Store::open(folder.path()).expect("there");
    assert_eq!(contents(&store), left);
}

#[test]
fn the_file_gives_back_the_room_of_removed_sweeps_while_nobody_reads() {
    let (folder, store, left) = spacious();
    store.shrink().expect("nobody reads");
    let after = bytes_of(&folder);
    assert!(after <= 5 * MIB, "{after} bytes for one sweep of {MIB}");
    assert_eq!(contents(&store), left);
    store.write(&life(&sweep("next"))).expect("it is written as before");
    drop(store);
    let (store, found) = Store::open(folder.path()).expect("there");
    assert_eq!((found.sweeps.len(), contents(&store).len()), (2, left.len() + 6));
}

#[test]
fn a_disk_that_fails_while_the_file_gets_smaller_loses_nothing() {
    let [kept, gone] = [large("kept", 300_000), large("gone", 900_000)];
    for calls in 0..60 {
        let disk = Disk::new(Vec::new());
        let (store, _) = Store::on_backend(disk.clone()).expect("new");
        store.write(&life(&gone)).expect("written");
        store.write(&life(&kept)).expect("written");
        store.write(&[removed(&gone)]).expect("written");
        let left = contents(&store);
        disk.refuse_after(calls, std::io::ErrorKind::StorageFull);
        let shrunk = store.shrink();
        disk.refuse_no_more();
        assert_eq!(contents(&store), left, "after {calls} calls: {shrunk:?}");
        store.write(&[failure(&kept, 7, 1, "later")]).expect("written");
        let left = contents(&store);
        drop(store);
        let (store, _) = Store::on_backend(Disk::new(disk.survivors(calls))).expect("there");
        assert_eq!(contents(&store), left);
    }
}

#[test]
fn a_full_disk_is_no_reason_not_to_start() {
    let kept = large("kept", 300_000);
    let gone = ["gone-1", "gone-2", "gone-3"].map(|name| large(name, 900_000));
    let disk = Disk::new(Vec::new());
    let (store, _) = Store::on_backend(disk.clone()).expect("new");
    for sweep in gone.iter().chain([&kept]) {
        store.write(&life(sweep)).expect("written");
    }
    store.write(&gone.each_ref().map(removed)).expect("written");
    let left = contents(&store);
    drop(store);
    let large = disk.bytes().len();
    disk.refuse_once_after(3, std::io::ErrorKind::StorageFull);
    let (store, _) = Store::on_backend(disk.clone()).expect("it starts");
    assert_eq!((disk.refused(), contents(&store)), (1, left.clone()));
    drop(store);
    let (store, _) = Store::on_backend(disk.clone()).expect("it starts");
    assert_eq!(contents(&store), left);
    assert!(disk.bytes().len() < large / 2, "{} bytes of {large}", disk.bytes().len());
}
