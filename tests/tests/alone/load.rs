//! The memory of a coordinator under as much as it is made for.

use std::time::Duration;

use patchsweep_proto::v1::SweepState;
use patchsweep_tests::cluster::{ask, fetch};
use patchsweep_tests::load::{
    Bulk, Coordinator, Crowd, Fetches, LargeContext, digests_of_folder, expected_digests, fetch_whole,
};
use patchsweep_tests::{program, repository};

use super::Alone;

const WORKERS: u32 = 1_000;

/// That workers compute; no-ops come on top.
const CELLS: u64 = 1_000_000;

/// The promise: 200 MB, of which the pages of an optimised program take less than 20.
const MOST_DATA_KIB: u64 = 180_000_000 / 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_million_cells_and_a_thousand_workers_take_at_most_200_megabytes() {
    let _alone = Alone::wait();
    Crowd::allow_connections(WORKERS).expect("more open files");
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Eleven thousand tiles.
    let bulk = Bulk::new(101, 30_000_000_000);
    let coordinator = Coordinator::start(&program("patchsweep"), bulk.models(), &folder.path().join("state"));
    let crowd = Crowd::start(&coordinator.url(), WORKERS, 2, Duration::ZERO);
    coordinator.wait_for_workers(WORKERS).await;
    let url = coordinator.url();
    let [spec, option, size] = bulk.submission();
    let id = tokio::task::block_in_place(|| ask(&url, &["submit", &spec, &option, &size]));
    let ended = coordinator.wait_for(&id, |status| status.state() != SweepState::Running).await;
    assert_eq!(ended.state(), SweepState::Done);
    assert!(ended.cells_total - ended.cells_noop >= CELLS);
    assert_eq!(crowd.len(), WORKERS as usize, "no session ended");
    assert!(crowd.computed() >= u64::from(ended.tiles_total));

    let computed = coordinator.peak_data_kib();
    let results = tokio::task::block_in_place(|| fetch(&url, &id, &folder));
    let peak = coordinator.peak_data_kib();
    println!("{} tiles, peak {computed} KiB while they were computed, {peak} KiB in all", ended.tiles_total);
    assert!(peak <= MOST_DATA_KIB, "{peak} KiB");
    assert_eq!(digests_of_folder(&results), expected_digests(&bulk.plan()));
}

/// The promise: 400 MB, likewise.
const MOST_CONTEXT_KIB: u64 = 400_000_000 / 1024;

/// All have begun and hold what the coordinator could send so far; taking 100 GB from it would take a test too long.
#[test]
fn a_thousand_workers_that_fetch_a_context_of_100_megabytes_at_once_take_at_most_400() {
    let _alone = Alone::wait();
    Crowd::allow_connections(WORKERS).expect("more open files");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join("state");
    let context = LargeContext::store(&state);
    assert!((95_000_000..105_000_000).contains(&context.bytes), "{} bytes", context.bytes);
    let coordinator = Coordinator::start(&program("patchsweep"), &repository().join("data"), &state);
    let started = coordinator.peak_data_kib();
    coordinator.forget_peak();
    let idle = coordinator.peak_data_kib();
    let fetches = Fetches::begin(coordinator.address(), WORKERS, &context);
    assert_eq!(fetches.len(), WORKERS as usize);
    for _ in 0..3 {
        assert_eq!(fetch_whole(coordinator.address(), &context), (context.digest, context.bytes));
    }
    let peak = coordinator.peak_data_kib();
    println!("a context of {} bytes: {started} KiB to start, {idle} KiB idle, {peak} KiB at most", context.bytes);
    assert!(peak <= MOST_CONTEXT_KIB, "{peak} KiB");
}
