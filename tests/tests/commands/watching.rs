//! What real workers and a real coordinator report to a watching person.

use std::time::{Duration, SystemTime};

use patchsweep::client::{Client, Update};
use patchsweep_core::ids::SweepId;
use patchsweep_core::results::CellStatus;
use patchsweep_core::scores::MemoryUse;
use patchsweep_core::status::{BASELINES, SweepState};
use patchsweep_core::workers::WorkerStatus;
use patchsweep_link::credentials::Role;
use patchsweep_link::dial::Dialer;
use patchsweep_link::endpoint;
use patchsweep_tests::cluster::{FINE, ask, data, submit};
use patchsweep_tests::{patchsweep, serve, worker};

/// Nothing that is waited for takes longer.
const BOUND: Duration = Duration::from_mins(5);

async fn client(url: &str) -> Client {
    let endpoint = endpoint::coordinator(url).expect("an address");
    let dialer = Dialer::new(Role::Client, Some(endpoint), None).expect("no file is read");
    Client::connect(dialer).await.expect("it listens")
}

/// The only worker, once it is as wanted.
async fn only_worker(client: &mut Client, wanted: impl Fn(&WorkerStatus) -> bool) -> WorkerStatus {
    let found = async {
        loop {
            let worker = client.workers().await.expect("a list").pop();
            if let Some(worker) = worker.filter(&wanted) {
                return worker;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BOUND, found).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_watched_from_its_first_tile_to_its_last() {
    let (mut coordinator, url) = serve(&["--models", &data()]);
    let id = SweepId(submit(&url, &FINE));
    let mut client = client(&url).await;
    let before = client.status(&id).await.expect("it is known");
    assert_eq!((before.multiply_adds_per_second, before.remaining()), (None, None));
    assert!(before.submitted.elapsed().is_ok_and(|ago| ago < BOUND), "submitted {:?}", before.submitted);
    let nothing = client.partial_results(&id).await.expect("nothing so far");
    assert!(nothing.grids.iter().flat_map(|grid| &grid.status).all(|&status| status == CellStatus::Pending));

    let worker = worker(&url, &["--models", &data(), "--memory-budget", "1GiB"]);
    let connected = only_worker(&mut client, |worker| worker.memory.budget > 0).await;
    assert_eq!((connected.memory.budget, connected.version.as_str()), (1 << 30, env!("CARGO_PKG_VERSION")));
    coordinator.wait_for("tile done");
    // It holds still in the middle.
    worker.signal("STOP");
    let held = only_worker(&mut client, |worker| worker.hand.is_some()).await;
    let hand = held.hand.expect("a tile in hand");
    assert_eq!(hand.lease.sweep, id);
    assert!([BASELINES, "resid_pre", "z"].contains(&hand.grid.as_str()), "{hand:?}");
    assert!(hand.iteration.starts_with("Iteration "), "{hand:?}");
    let mut watch = client.watch(&id).await.expect("it is known");
    let has_begun = async {
        while let Some(Update::Status(status)) = watch.next().await.expect("the coordinator stays") {
            if status.multiply_adds_done > 0 {
                return status.state;
            }
        }
        panic!("the watch ended")
    };
    let state = tokio::time::timeout(BOUND, has_begun).await.expect("in time");
    assert_eq!(state, SweepState::Running, "it holds still in the middle");
    let so_far = client.partial_results(&id).await.expect("what there is");
    assert!(so_far.manifest.contains(r#""state":"running""#), "{}", so_far.manifest);
    worker.signal("CONT");

    let mut rates = Vec::new();
    let mut watch = client.watch(&id).await.expect("it is known");
    let watched = async {
        while let Some(update) = watch.next().await.expect("the coordinator stays") {
            if let Update::Status(status) = update {
                rates.push((status.multiply_adds_per_second, status.remaining()));
            }
        }
    };
    tokio::time::timeout(BOUND, watched).await.expect("it ends");
    assert!(rates.iter().any(|(rate, remaining)| rate.is_some() && remaining.is_some()), "{rates:?}");
    let whole = client.results(&id).await.expect("it is done");
    let mut compared = 0;
    for (partial, last) in so_far.grids.iter().zip(&whole.grids) {
        for (at, &status) in partial.status.iter().enumerate().filter(|&(_, &status)| status != CellStatus::Pending) {
            assert!(status == last.status[at] && [CellStatus::Computed, CellStatus::NoOp].contains(&status));
            assert_eq!(partial.effect[at].to_bits(), last.effect[at].to_bits());
            compared += 1;
        }
        let pending = partial.status.iter().zip(&partial.effect).filter(|&(&status, _)| status == CellStatus::Pending);
        assert!(pending.clone().all(|(_, effect)| effect.is_nan()));
    }
    println!("{compared} cells were known in the middle of the sweep");
    let rested = only_worker(&mut client, |worker| worker.memory.used > 0).await;
    assert!(rested.cache.hits > 0 && rested.hand.is_none(), "{rested:?}");
    let MemoryUse { used, budget } = rested.memory;
    assert!(used < budget, "{used} of {budget}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_memory_is_explained_and_its_warnings_are_kept() {
    let began = SystemTime::now();
    let (_coordinator, url) = serve(&["--models", &data()]);
    let _worker = worker(&url, &["--models", &data(), "--memory-budget", "1MiB"]);
    let id = submit(&url, &[]);
    patchsweep(&["watch", &id, "--coordinator", &url]).assert().code(1);
    let mut client = client(&url).await;
    let small = only_worker(&mut client, |worker| worker.memory.budget > 0).await;
    let explained = ask(&url, &["explain", &id]);
    for part in
        ["it failed: ", "no worker has ", "for the model's weights", "may use is 1.0 MiB", "raise --memory-budget"]
    {
        assert!(explained.contains(part), "{part:?} is not in:\n{explained}");
    }
    let events = client.events().await.expect("events");
    let of_sweep: Vec<_> = events.iter().filter(|event| event.sweep == id).collect();
    assert!(
        !of_sweep.is_empty() && of_sweep.iter().all(|event| event.level == "warn" && event.at >= began),
        "{events:?}"
    );
    let failed = of_sweep.iter().find(|event| event.worker == small.name).expect("one of the worker's");
    assert!(failed.text.starts_with("attempt failed") && failed.text.contains("--memory-budget"), "{failed:?}");
}
