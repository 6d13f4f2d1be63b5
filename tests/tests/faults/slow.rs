//! A disk that answers no reader for as long as a test likes. Requests that need no disk are answered all the same.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use patchsweep_proto::v1::{
    CancelSweepRequest, ListSweepsRequest, ListWorkersRequest, RemoveSweepRequest, ResumeSweepRequest, SweepState,
};
use patchsweep_serve::state::Store;
use patchsweep_tests::scripted::{Served, within};
use patchsweep_tests::tiny::Tiny;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use tonic::Code;

/// Memory whose readers wait while the gate is shut.
#[derive(Clone, Debug)]
struct SlowDisk {
    bytes: Arc<InMemoryBackend>,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Debug, Default)]
struct Gate {
    is_shut: bool,
    waiting: usize,
}

impl SlowDisk {
    fn new() -> Self {
        Self { bytes: Arc::new(InMemoryBackend::new()), gate: Arc::default() }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shut(&self) {
        self.gate().is_shut = true;
    }

    fn open(&self) {
        self.gate().is_shut = false;
        self.gate.1.notify_all();
    }

    /// Waits until so many wait for an answer.
    async fn wait_for_readers(&self, readers: usize) {
        within("somebody who reads the disk", async {
            while self.gate().waiting < readers {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

impl StorageBackend for SlowDisk {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut gate = self.gate();
        while gate.is_shut {
            gate.waiting += 1;
            gate = self.gate.1.wait(gate).unwrap_or_else(PoisonError::into_inner);
            gate.waiting -= 1;
        }
        drop(gate);
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.bytes.write(offset, data)
    }
}

async fn cancel(served: &Served, sweep_id: &str) -> SweepState {
    let request = CancelSweepRequest { sweep_id: sweep_id.to_owned() };
    within("the cancelling", served.client().await.cancel_sweep(request))
        .await
        .expect("it is known")
        .into_inner()
        .state()
}

/// A coordinator that has forgotten all pages that it read, and a cancelled sweep of which three tiles are done.
async fn cancelled(tiny: &Tiny, disk: &SlowDisk) -> (Served, String) {
    let (store, recovered) = Store::on_backend(disk.clone()).expect("new");
    let served = Served::start(tiny, store, recovered).await;
    let id = served.submit(tiny.submission()).await.sweep_id;
    let mut worker = served.worker(1).await;
    for _ in 0..3 {
        worker.compute_one(tiny).await;
    }
    assert_eq!(cancel(&served, &id).await, SweepState::Cancelled);
    served.stop().await;
    let (store, recovered) = Store::on_backend(disk.clone()).expect("there");
    (Served::start(tiny, store, recovered).await, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_resumed_sweep_is_read_from_a_slow_disk_everybody_else_is_answered() {
    let (tiny, disk) = (Tiny::new(), SlowDisk::new());
    let (served, id) = cancelled(&tiny, &disk).await;
    let _worker = served.worker(1).await;
    let resume = async || {
        let request = ResumeSweepRequest { sweep_id: id.clone() };
        served.client().await.resume_sweep(request).await
    };
    disk.shut();
    let others = async {
        disk.wait_for_readers(1).await;
        let mut client = served.client().await;
        let listed = within("a list", client.list_sweeps(ListSweepsRequest {})).await.expect("a list").into_inner();
        assert_eq!(listed.sweeps[0].state(), SweepState::Cancelled, "it is not resumed yet");
        let workers = within("the workers", client.list_workers(ListWorkersRequest {})).await.expect("a list");
        assert_eq!(workers.into_inner().workers.len(), 1);
        assert_eq!(cancel(&served, &id).await, SweepState::Cancelled, "again, which changes nothing");
        disk.open();
    };
    let (first, second, ()) = tokio::join!(resume(), resume(), others);
    let mut outcomes = [first, second].map(|resumed| resumed.map(|status| status.into_inner().state()));
    outcomes.sort_by_key(Result::is_err);
    let [resumed, refused] = outcomes;
    assert_eq!(resumed.expect("it is resumed once"), SweepState::Running);
    assert_eq!(refused.expect_err("it runs").code(), Code::FailedPrecondition);
    let status = served.client().await.list_sweeps(ListSweepsRequest {}).await.expect("a list").into_inner();
    assert_eq!(status.sweeps[0].tiles_done, 3, "what was done is not done again");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_is_removed_while_it_is_read_is_not_resumed() {
    let (tiny, disk) = (Tiny::new(), SlowDisk::new());
    let (served, id) = cancelled(&tiny, &disk).await;
    disk.shut();
    let resume = async {
        let request = ResumeSweepRequest { sweep_id: id.clone() };
        served.client().await.resume_sweep(request).await
    };
    let remove = async {
        disk.wait_for_readers(1).await;
        let request = RemoveSweepRequest { sweep_id: id.clone() };
        let mut client = served.client().await;
        let removing = tokio::spawn(async move { client.remove_sweep(request).await });
        // Gone from the list at once; the answer waits for the disk.
        within("the removal", async {
            let mut client = served.client().await;
            while !client.list_sweeps(ListSweepsRequest {}).await.expect("a list").into_inner().sweeps.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        disk.open();
        within("the removal", removing).await.expect("no panic").expect("it has ended")
    };
    let (resumed, _) = tokio::join!(resume, remove);
    assert_eq!(resumed.expect_err("it is gone").code(), Code::NotFound);
    served.stop().await;
    let (_, recovered) = Store::on_backend(disk).expect("there");
    assert!(recovered.sweeps.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_stops_does_not_wait_for_a_sweep_to_be_read_and_resumes_it_no_more() {
    let (tiny, disk) = (Tiny::new(), SlowDisk::new());
    let (served, id) = cancelled(&tiny, &disk).await;
    let mut client = served.client().await;
    disk.shut();
    let request = ResumeSweepRequest { sweep_id: id };
    let resuming = tokio::spawn(async move { client.resume_sweep(request).await });
    disk.wait_for_readers(1).await;
    served.stop().await;
    disk.open();
    let refused = within("the refusal", resuming).await.expect("no panic").expect_err("the coordinator stops");
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_that_come_again_are_compared_beside_everything_else() {
    let (tiny, disk) = (Tiny::new(), SlowDisk::new());
    let open = || Store::on_backend(disk.clone()).expect("memory");
    let (served, reported) = Served::restarted_after_a_result(&tiny, open).await;
    disk.shut();
    let _worker = reported.once_more(&served, &tiny).await;
    disk.wait_for_readers(1).await;
    let mut client = served.client().await;
    let listed = within("a list", client.list_sweeps(ListSweepsRequest {})).await.expect("a list").into_inner();
    assert_eq!((&listed.sweeps[0].sweep_id, listed.sweeps[0].results_dropped), (&reported.sweep_id, 1));
    disk.open();
    served.stop().await;
}
