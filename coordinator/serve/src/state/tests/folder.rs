//! Files in folders.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::sample::{contents, result, sweep};
use crate::state::{Entry, StateError, Store};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn folder_and_file_are_made_for_their_owner_only_and_outlive_the_coordinator() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("deep/state");
    let (store, first) = Store::open(&folder).expect("new");
    let file = folder.join("state.redb");
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    let kept = sweep("a");
    store
        .write(&[Entry::Sweep(Box::new(kept.clone())), Entry::Result(Box::new(result(&kept, 0, "w")))])
        .expect("written");
    let before = contents(&store);
    drop(store);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("changed");
    let (store, second) = Store::open(&folder).expect("there");
    assert_eq!((second.coordinator, second.epoch.0), (first.coordinator, 2));
    assert_eq!(contents(&store), before);
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn a_second_coordinator_is_refused_at_once_until_the_first_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(folder.path()).expect("new");
    let clone = store.clone();
    drop(store);
    let error = Store::open(folder.path()).expect_err("is refused");
    assert!(matches!(error, StateError::Locked { .. }));
    assert!(error.to_string().contains("state.redb is in use by another coordinator"), "{error}");
    drop(clone);
    Store::open(folder.path()).expect("free again");
}

#[test]
fn a_foreign_file_and_an_unusable_folder_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.redb");
    let text = "notes of mine\n".repeat(100);
    fs::write(&file, &text).expect("written");
    let error = Store::open(folder.path()).expect_err("is refused").to_string();
    assert!(error.contains("state.redb is not a coordinator's state; move it away"), "{error}");
    assert_eq!(fs::read_to_string(&file).expect("there"), text);
    let error = Store::open(&file).expect_err("is refused").to_string();
    assert!(error.contains("cannot open") && error.contains("--state"), "{error}");
}
