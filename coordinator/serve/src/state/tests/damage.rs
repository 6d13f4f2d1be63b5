//! Files that are not as they were written.

use proptest::prelude::*;
use redb::ReadableTable;

use super::disks::Disk;
use super::sample::{contents, failure, result, sweep};
use crate::state::tables::{FORMAT_KEY, META, RESULTS};
use crate::state::{Entry, StateError, Store};

/// A file as a stopped coordinator leaves it, or one that was killed, and what it holds.
fn file(is_stopped: bool) -> (Vec<u8>, Vec<String>) {
    let disk = Disk::new(Vec::new());
    let (store, _) = Store::on_backend(disk.clone()).expect("new");
    let kept = sweep("a");
    store.write(&[Entry::Sweep(Box::new(kept.clone())), failure(&kept, 5, 1, "bad")]).expect("written");
    for tile in 0..4 {
        store.write(&[Entry::Result(Box::new(result(&kept, tile, "w")))]).expect("written");
    }
    let contents = contents(&store);
    let killed = disk.bytes();
    drop(store);
    (if is_stopped { disk.bytes() } else { killed }, contents)
}

/// Whether it was opened; then it holds what it held, else it is as it was.
fn opens(bytes: &[u8], contained: &[String]) -> bool {
    let disk = Disk::new(bytes.to_vec());
    match Store::on_backend(disk.clone()) {
        Ok((store, _)) => {
            assert!(contents(&store) == contained, "damage was read");
            true
        }
        Err(error) => {
            assert!(disk.bytes() == *bytes, "a refused file was changed");
            let text = error.to_string();
            assert!(text.contains("storage") && text.contains("nothing was changed"), "{text}");
            false
        }
    }
}

/// Of redb's file format 3: what says which commit counts, and the low bytes of both commits' numbers.
const FLAGS: usize = 9;
const NUMBER: usize = 168;
const OTHER_NUMBER: usize = 296;
const HEADER: usize = 320;

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[test]
fn a_whole_file_opens() {
    for is_stopped in [true, false] {
        let (bytes, contained) = file(is_stopped);
        assert!(opens(&bytes, &contained));
    }
}

#[test]
fn a_flipped_bit_in_the_header_is_refused_or_does_not_matter() {
    for is_stopped in [true, false] {
        let (bytes, contained) = file(is_stopped);
        let decisive = [FLAGS, NUMBER, OTHER_NUMBER].into_iter().flat_map(|byte| byte * 8..byte * 8 + 8);
        for bit in decisive.chain((0..HEADER * 8).step_by(7)) {
            let mut damaged = bytes.clone();
            flip(&mut damaged, bit);
            opens(&damaged, &contained);
        }
    }
}

#[test]
fn flags_that_no_database_has_are_refused() {
    for is_stopped in [true, false] {
        let (mut bytes, contained) = file(is_stopped);
        bytes[FLAGS] |= 0x20;
        assert!(!opens(&bytes, &contained));
    }
}

#[test]
fn a_flipped_bit_in_a_record_is_refused() {
    let (bytes, contained) = file(true);
    let wanted = b"node-7/42";
    let places: Vec<usize> = (0..bytes.len()).filter(|&place| bytes[place..].starts_with(wanted)).collect();
    assert!(!places.is_empty());
    let refused = places.iter().filter(|&&place| {
        let mut damaged = bytes.clone();
        flip(&mut damaged, place * 8);
        !opens(&damaged, &contained)
    });
    assert!(refused.count() > 0, "one of the copies in the file is in use");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_are_refused_or_do_not_matter(is_stopped: bool, places in prop::collection::vec(0.0..1.0f64, 1..4)) {
        let (mut bytes, contained) = file(is_stopped);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        for place in places {
            let bit = (place * (bytes.len() * 8) as f64) as usize;
            flip(&mut bytes, bit);
        }
        opens(&bytes, &contained);
    }

    #[test]
    fn a_truncated_file_is_refused(is_stopped: bool, place in 0.0..1.0f64) {
        let (mut bytes, contained) = file(is_stopped);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let length = (place * bytes.len() as f64) as usize;
        prop_assume!(length >= 9);
        bytes.truncate(length);
        opens(&bytes, &contained);
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 9..2000), is_redb: bool) {
        let mut bytes = bytes;
        prop_assume!(bytes[..9] != [0; 9]);
        if is_redb {
            bytes[..9].copy_from_slice(&crate::state::header::MAGIC);
        }
        prop_assert!(!opens(&bytes, &[]));
    }
}

#[test]
fn another_version_is_refused_by_name() {
    let disk = Disk::new(Vec::new());
    drop(Store::on_backend(disk.clone()).expect("new"));
    let database = redb::Database::builder().create_with_backend(disk.clone()).expect("a database");
    let transaction = database.begin_write().expect("a transaction");
    transaction.open_table(META).expect("meta").insert(FORMAT_KEY, b"patchsweep state 3".as_slice()).expect("inserted");
    transaction.commit().expect("committed");
    drop(database);
    let before = disk.bytes();
    let error = Store::on_backend(disk.clone()).expect_err("is refused");
    assert!(matches!(&error, StateError::Version { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("`patchsweep state 5`") && text.contains("`patchsweep state 3`"), "{text}");
    assert!(disk.bytes() == before);
}

#[test]
fn a_database_of_something_else_is_refused() {
    let disk = Disk::new(Vec::new());
    let database = redb::Database::builder().create_with_backend(disk.clone()).expect("a database");
    let transaction = database.begin_write().expect("a transaction");
    let table = redb::TableDefinition::<u64, u64>::new("other");
    transaction.open_table(table).expect("a table").insert(1, 2).expect("inserted");
    transaction.commit().expect("committed");
    drop(database);
    assert!(matches!(Store::on_backend(disk), Err(StateError::Foreign { .. })));
}

/// Makes another record of one, and says for which tile.
type Tamper = fn(&[u8]) -> (u32, Vec<u8>);

#[test]
fn a_record_that_was_changed_or_moved_inside_the_database_is_named() {
    let ways: [Tamper; 3] = [
        |sealed| (0, sealed.iter().enumerate().map(|(place, &byte)| byte ^ u8::from(place == 40)).collect()),
        |sealed| (7, sealed.to_vec()),
        |sealed| (0, sealed[..10].to_vec()),
    ];
    for tamper in ways {
        let (bytes, _) = file(true);
        let disk = Disk::new(bytes);
        let database = redb::Database::builder().create_with_backend(disk.clone()).expect("a database");
        let transaction = database.begin_write().expect("a transaction");
        let mut results = transaction.open_table(RESULTS).expect("results");
        let sealed = results.get(("a", 0)).expect("read").expect("there").value().to_vec();
        let (tile, changed) = tamper(&sealed);
        results.insert(("a", tile), changed.as_slice()).expect("inserted");
        drop(results);
        transaction.commit().expect("committed");
        drop(database);
        let before = disk.bytes();
        let error = Store::on_backend(disk.clone()).expect_err("is refused").to_string();
        assert!(error.contains(&format!("record `result a t{tile}`")), "{error}");
        assert!(disk.bytes() == before);
    }
}
