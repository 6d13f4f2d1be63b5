//! Group commits.

use std::io;
use std::time::Duration;

use patchsweep_core::ids::TileId;
use patchsweep_core::scores::{CellScore, TileScores};
use patchsweep_core::status::SweepState;
use patchsweep_proto::v1;
use prost::Message;
use tokio::time::{Instant, timeout};

use super::disks::Disk;
use super::sample::{contents, ended, failure, lease, result, sweep};
use crate::state::committer::MOST_BYTES;
use crate::state::sealed::Sealed;
use crate::state::{
    CommitterState, Entry, FailedAttempt, Journal, JournalClosed, KeptResult, KeptSweep, StateError, Store,
};

/// Far more than any test takes.
const LONG: Duration = Duration::from_hours(1);

async fn wait_for(journal: &Journal, number: u64) {
    let mut committed = journal.committed();
    timeout(LONG, committed.wait_for(|&last| last >= number)).await.expect("in time").expect("not closed");
}

/// Looks every now and then, on the paused clock.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn inline(disk: &Disk) -> (Store, Journal) {
    let (store, _) = Store::on_backend(disk.clone()).expect("new");
    let (journal, committer) = Journal::inline(store.clone());
    tokio::spawn(committer);
    (store, journal)
}

#[tokio::test(start_paused = true)]
async fn an_idle_committer_commits_at_once_and_a_busy_one_gathers() {
    let disk = Disk::new(Vec::new());
    let (_store, mut journal) = inline(&disk);
    let kept = sweep("a");
    let began = Instant::now();
    assert_eq!(journal.append(Entry::Sweep(Box::new(kept.clone()))).await, Ok(1));
    wait_for(&journal, 1).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    let syncs = disk.syncs();
    for tile in 0..10 {
        assert_eq!(journal.append(Entry::Result(Box::new(result(&kept, tile, "w")))).await, Ok(u64::from(tile) + 2));
    }
    wait_for(&journal, 11).await;
    assert_eq!(began.elapsed(), Duration::from_millis(20));
    assert!(disk.syncs() <= syncs + 2, "one commit took {} syncs", disk.syncs() - syncs);
    assert_eq!(journal.last(), 11);
}

#[tokio::test(start_paused = true)]
async fn entries_are_durable_when_their_number_is_reported() {
    let disk = Disk::new(Vec::new());
    let (store, mut journal) = inline(&disk);
    let kept = sweep("a");
    journal.append(Entry::Sweep(Box::new(kept.clone()))).await.expect("open");
    for attempt in 1..50 {
        let number = journal.append(failure(&kept, 0, attempt, "again")).await.expect("open");
        wait_for(&journal, number).await;
        let (found, _) = Store::on_backend(Disk::new(disk.survivors(number))).expect("there");
        assert_eq!(found.failures(&kept.id).expect("failures")[&TileId(0)].attempts.len(), attempt as usize);
    }
    drop(store);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stalls_the_committer_and_loses_nothing() {
    for refusal in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
        let disk = Disk::new(Vec::new());
        let (store, mut journal) = inline(&disk);
        let kept = sweep("a");
        let first = journal.append(Entry::Sweep(Box::new(kept.clone()))).await.expect("open");
        wait_for(&journal, first).await;
        disk.refuse_after(0, refusal);
        for attempt in 1..=5 {
            journal.append(failure(&kept, 0, attempt, "in order")).await.expect("open");
        }
        let mut state = journal.state();
        let stalled = |state: &CommitterState| matches!(state, CommitterState::Stalled { .. });
        timeout(LONG, state.wait_for(stalled)).await.expect("in time").expect("open");
        let began = Instant::now();
        let last = journal.append(Entry::Result(Box::new(result(&kept, 1, "w")))).await.expect("open");
        timeout(LONG, until(|| disk.refused() >= 10)).await.expect("it is tried again and again");
        let since = match &*state.borrow() {
            CommitterState::Stalled { reason, since } => {
                assert!(reason.contains(&io::Error::from(refusal).to_string()), "{reason}");
                *since
            }
            CommitterState::Working => panic!("the disk is full"),
        };
        assert!(since <= began && *journal.committed().borrow() == first);
        disk.refuse_no_more();
        wait_for(&journal, last).await;
        assert_eq!(*state.borrow_and_update(), CommitterState::Working);
        let attempts = &store.failures(&kept.id).expect("failures")[&TileId(0)].attempts;
        let order: Vec<u32> = attempts.iter().map(|attempt| attempt.lease.attempt.0).collect();
        assert_eq!(order, [1, 2, 3, 4, 5]);
        let (found, _) = Store::on_backend(Disk::new(disk.survivors(1))).expect("there");
        assert_eq!(contents(&found), contents(&store));
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_in_the_middle_of_a_commit_loses_nothing() {
    for calls in 0..40 {
        let disk = Disk::new(Vec::new());
        let (store, mut journal) = inline(&disk);
        let kept = sweep("a");
        let first = journal.append(Entry::Sweep(Box::new(kept.clone()))).await.expect("open");
        wait_for(&journal, first).await;
        disk.refuse_after(calls, io::ErrorKind::StorageFull);
        let mut attempt = 0;
        while disk.refused() == 0 {
            attempt += 1;
            let number = journal.append(failure(&kept, 0, attempt, "in order")).await.expect("open");
            let committed = journal.committed();
            timeout(LONG, until(|| *committed.borrow() == number || disk.refused() > 0)).await.expect("in time");
        }
        disk.refuse_no_more();
        wait_for(&journal, journal.last()).await;
        let (found, _) = Store::on_backend(Disk::new(disk.survivors(calls))).expect("there");
        assert_eq!(contents(&found), contents(&store));
        let attempts = &found.failures(&kept.id).expect("failures")[&TileId(0)].attempts;
        assert!(attempts.iter().map(|attempt| attempt.lease.attempt.0).eq(1..=attempt));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_may_hold_on_to_a_database_whose_write_failed() {
    let disk = Disk::new(Vec::new());
    let (store, mut journal) = inline(&disk);
    let kept = sweep("a");
    journal.append(Entry::Sweep(Box::new(kept.clone()))).await.expect("open");
    let number = journal.append(Entry::Result(Box::new(result(&kept, 0, "w")))).await.expect("open");
    wait_for(&journal, number).await;
    let mut results = 0;
    let read = store.for_each_result(&kept.id, |_, _| {
        disk.refuse_after(0, io::ErrorKind::StorageFull);
        let write = || store.write(&[failure(&kept, 1, 1, "bad")]);
        assert!(write().is_err());
        disk.refuse_no_more();
        // Not before the reader has gone.
        assert!(matches!(write(), Err(StateError::Busy { .. })));
        results += 1;
        Ok::<_, StateError>(())
    });
    read.expect("what was read before the failure");
    store.write(&[failure(&kept, 1, 1, "bad")]).expect("written");
    assert_eq!((results, store.failures(&kept.id).expect("failures").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_appends_more_than_may_wait_waits() {
    let disk = Disk::new(Vec::new());
    let (_store, mut journal) = inline(&disk);
    let kept = sweep("a");
    let first = journal.append(Entry::Sweep(Box::new(kept.clone()))).await.expect("open");
    wait_for(&journal, first).await;
    disk.refuse_after(0, io::ErrorKind::StorageFull);
    let mut queued = 0;
    let mut attempt = 0;
    let reason = "x".repeat(1 << 20);
    loop {
        attempt += 1;
        let append = journal.append(failure(&kept, 0, attempt, &reason));
        if timeout(Duration::from_mins(1), append).await.is_err() {
            break;
        }
        queued += 1;
    }
    assert!((8..=12).contains(&queued), "{queued} MiB wait");
    disk.refuse_no_more();
    let last = journal.append(failure(&kept, 1, 1, "after")).await.expect("open");
    assert_eq!(last, first + queued + 1, "what was not queued has no number");
    wait_for(&journal, last).await;
}

/// Scores of a tile of a sweep with `per_prompt`, as large as they come.
fn per_prompt(kept: &KeptSweep, tile: u32) -> KeptResult {
    const CELLS: usize = 250;
    const PROMPTS: usize = 1000;
    let (values, baseline) = (vec![0.25; PROMPTS], vec![0.5; PROMPTS]);
    let scores = vec![CellScore::of(&values, &baseline); CELLS];
    let scores = TileScores { metrics: 1, scores, by_prompt: vec![-0.25; CELLS * PROMPTS] };
    let mut kept = result(kept, tile, "w");
    kept.completed.scores = scores;
    kept
}

#[tokio::test(start_paused = true)]
async fn on_a_full_disk_no_more_waits_than_there_is_room_for_also_of_effects_on_each_prompt() {
    let disk = Disk::new(Vec::new());
    let (_store, mut journal) = inline(&disk);
    let kept = sweep("a");
    let first = journal.append(Entry::Sweep(Box::new(kept.clone()))).await.expect("open");
    wait_for(&journal, first).await;
    assert_eq!(journal.waiting_bytes(), 0);
    disk.refuse_after(0, io::ErrorKind::StorageFull);
    let size = v1::StoredResult::from(&per_prompt(&kept, 0)).encoded_len();
    assert!(size > 1_000_000);
    let mut queued = 0;
    while timeout(Duration::from_mins(1), journal.append(Entry::Result(Box::new(per_prompt(&kept, queued)))))
        .await
        .is_ok()
    {
        queued += 1;
    }
    let bytes = queued as usize * size;
    println!("{queued} results wait, {bytes} bytes, counted as {}", journal.waiting_bytes());
    assert!(bytes <= journal.waiting_bytes() && journal.waiting_bytes() <= MOST_BYTES, "{bytes} bytes wait");
    assert!(bytes + 2 * size > MOST_BYTES, "there was room for one more");
    disk.refuse_no_more();
    wait_for(&journal, journal.last()).await;
    assert_eq!(journal.waiting_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_entry_counts_as_many_bytes_as_are_written_of_it_and_little_more() {
    let kept = sweep("a");
    let attempt = FailedAttempt { lease: lease(&kept, 3, 1), worker: "w".repeat(500), reason: "r".repeat(5000) };
    let state = SweepState::Failed { reason: "r".repeat(3000) };
    let cases = [
        (Entry::Sweep(Box::new(kept.clone())), v1::StoredSweep::from(&kept).encoded_len()),
        (Entry::Result(Box::new(per_prompt(&kept, 0))), v1::StoredResult::from(&per_prompt(&kept, 0)).encoded_len()),
        (Entry::Failure(attempt.clone()), v1::StoredFailure::from(&attempt).encoded_len()),
        (Entry::Ended { sweep: kept.id.clone(), state, seconds: 1.0, at: ended() }, 3000),
        (Entry::Resumed { sweep: kept.id.clone(), tiles: vec![TileId(1); 1000] }, 4000),
        (Entry::Removed { sweeps: vec![kept.id.clone(); 10], is_idle: true }, 10),
        (Entry::GivenUp { sweep: kept.id.clone(), tile: TileId(1) }, 1),
    ];
    for (entry, written) in cases {
        let name = format!("{entry:?}");
        let counted = Sealed::from(entry).bytes();
        assert!((written..written + 600).contains(&counted), "{counted} for {written} bytes of {name:.40}");
    }
}

#[tokio::test]
async fn a_journal_on_a_thread_closes_when_everything_is_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(folder.path()).expect("new");
    let mut journal = Journal::start(store).expect("a thread");
    let kept = sweep("a");
    journal.append(Entry::Sweep(Box::new(kept.clone()))).await.expect("open");
    for tile in 0..5 {
        journal.append(Entry::Result(Box::new(result(&kept, tile, "w")))).await.expect("open");
    }
    timeout(LONG, journal.close()).await.expect("in time");
    let (_, found) = Store::open(folder.path()).expect("free again");
    assert_eq!(found.sweeps[0].status.tiles_done, 5);
}

#[tokio::test(start_paused = true)]
async fn a_journal_without_a_committer_says_so() {
    let (store, _) = Store::in_memory().expect("new");
    let (mut journal, committer) = Journal::inline(store);
    drop(committer);
    assert_eq!(journal.append(Entry::Sweep(Box::new(sweep("a")))).await, Err(JournalClosed));
}
