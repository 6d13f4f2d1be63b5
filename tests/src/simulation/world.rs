//! One simulation: a coordinator, its workers, clients, and what goes wrong between them.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use patchsweep_core::results::SweepResults;
use patchsweep_files::locate::ModelFolders;
use patchsweep_process::health::Health;
use patchsweep_serve::gate::Gate;
use patchsweep_serve::server::{Offload, RecentLog, Service, Watched, serve_on};
use patchsweep_serve::state::{Recovered, Store};
use patchsweep_worker::session::{self, WorkerOptions};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tracing::Instrument;
use turmoil::{Builder, Sim};

use super::computer::SimulatedComputer;
use super::dialer::SimulatedNetwork;
use super::disk::Disk;
use super::faults::{self, Fault, Machine, Trouble, WORKERS};
use super::trace::Trace;
use super::{client, net};
use crate::tiny::{MODELS, Tiny};

/// Longer than any sweep takes, whatever goes wrong.
const LONGEST: Duration = Duration::from_mins(10);

/// What a simulation showed.
#[derive(Debug)]
pub struct Outcome {
    /// What the clients fetched in the end, or why there was no end.
    pub results: Result<Vec<SweepResults>, String>,
    /// What the programs logged.
    pub trace: String,
    /// What went wrong.
    pub troubles: Vec<Trouble>,
}

/// What each client fetched.
type Fetched = Arc<Mutex<Vec<SweepResults>>>;

/// Clients, each with a sweep.
const CLIENTS: usize = 2;

/// Simulates a sweep of each client, of models at random; the same seed gives the same outcome, bit for bit.
#[must_use]
pub fn simulate(seed: u64, tiny: &Tiny) -> Outcome {
    let trace = Trace::default();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let troubles = faults::draw(&mut random);
    let models = std::array::from_fn(|_| MODELS[random.random_range(0..MODELS.len())]);
    let results = Fetched::default();
    let ended = tracing::dispatcher::with_default(&trace.subscriber(), || {
        let disk = Disk::default();
        let mut sim = build(seed, tiny, models, &disk, &results);
        drive(&mut sim, &disk, &troubles, &mut random)
    });
    let fetched = std::mem::take(&mut *results.lock().unwrap_or_else(PoisonError::into_inner));
    let results = ended.and_then(|()| match fetched.len() {
        CLIENTS => Ok(fetched),
        _ => Err("a client fetched nothing".to_owned()),
    });
    Outcome { results, trace: trace.text(), troubles }
}

fn build<'a>(seed: u64, tiny: &Tiny, models: [&str; CLIENTS], disk: &Disk, results: &Fetched) -> Sim<'a> {
    let mut sim = Builder::new()
        .rng_seed(seed)
        .simulation_duration(LONGEST)
        .tick_duration(Duration::from_millis(10))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(100))
        .tcp_capacity(4096)
        .build();
    let (disk, root) = (disk.clone(), tiny.models().to_owned());
    sim.host(net::COORDINATOR, move || {
        let (disk, root) = (disk.clone(), root.clone());
        let coordinator = async move {
            let (store, recovered) = open(&disk).await;
            let folders = ModelFolders::with_hub_cache(vec![root]);
            let service = Service {
                folders,
                store,
                recovered,
                keep: None,
                offload: Offload::Inline,
                gate: Gate::open(),
                events: RecentLog::new(),
                watched: Watched::default(),
            };
            serve_on(net::accept().await?, service, pending()).await?;
            Ok(())
        };
        coordinator.instrument(tracing::info_span!("coordinator"))
    });
    for worker in 0..WORKERS {
        // Each life of a worker is another process.
        let life = AtomicU64::new((worker as u64 + 1) << 32);
        sim.host(worker_name(worker), move || {
            let seed = seed ^ life.fetch_add(1 << 40, Ordering::Relaxed);
            let name = worker_name(worker);
            let span = tracing::info_span!("host", name);
            let life = async move {
                let mut computer = SimulatedComputer::new(seed);
                let (device, grace) = ("simulated".to_owned(), Duration::from_secs(25));
                let options = WorkerOptions {
                    name,
                    device,
                    credit: 2,
                    grace,
                    leave_when_idle: None,
                    seed,
                    health: Health::default(),
                };
                session::serve(options, &mut computer, &mut SimulatedNetwork, pending()).await?;
                Ok(())
            };
            life.instrument(span)
        });
    }
    for (number, model) in models.into_iter().enumerate() {
        let (submission, results) = (tiny.submission_of(model), Arc::clone(results));
        sim.client(format!("client-{number}"), async move {
            let fetched = client::sweep(submission).await?;
            results.lock().unwrap_or_else(PoisonError::into_inner).push(fetched);
            Ok(())
        });
    }
    sim
}

/// As a supervisor restarts a coordinator: again and again, until the disk takes it.
async fn open(disk: &Disk) -> (Store, Recovered) {
    loop {
        match Store::on_backend(disk.open()) {
            Ok(opened) => return opened,
            Err(error) => tracing::warn!(%error, "the coordinator does not start"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Lets time pass and things go wrong until the clients have their results.
fn drive(sim: &mut Sim<'_>, disk: &Disk, troubles: &[Trouble], random: &mut impl Rng) -> Result<(), String> {
    let begins = troubles.iter().map(|trouble| (trouble.begins, true, trouble.fault));
    let ends = troubles.iter().map(|trouble| (trouble.ends, false, trouble.fault));
    let mut changes: Vec<_> = begins.chain(ends).collect();
    // Stable, so that equal times keep their order.
    changes.sort_by_key(|(time, ..)| *time);
    let mut changes = changes.into_iter().peekable();
    loop {
        while let Some((_, begins, fault)) = changes.next_if(|(time, ..)| *time <= sim.elapsed()) {
            tracing::info!(?fault, begins, "trouble");
            if begins { begin(sim, disk, fault, random) } else { end(sim, disk, fault) }
        }
        match sim.step() {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(format!("after {:?}: {error}", sim.elapsed())),
        }
    }
}

fn begin(sim: &mut Sim<'_>, disk: &Disk, fault: Fault, random: &mut impl Rng) {
    match fault {
        Fault::Crash(Machine::Coordinator) => {
            sim.crash(net::COORDINATOR);
            disk.crash(random);
        }
        Fault::Crash(Machine::Worker(worker)) => sim.crash(worker_name(worker)),
        Fault::Partition(worker) => sim.partition(worker_name(worker), net::COORDINATOR),
        Fault::Hold(worker) => sim.hold(worker_name(worker), net::COORDINATOR),
        Fault::FullDisk => disk.set_full(true),
    }
}

fn end(sim: &mut Sim<'_>, disk: &Disk, fault: Fault) {
    match fault {
        Fault::Crash(Machine::Coordinator) => sim.bounce(net::COORDINATOR),
        Fault::Crash(Machine::Worker(worker)) => sim.bounce(worker_name(worker)),
        Fault::Partition(worker) => sim.repair(worker_name(worker), net::COORDINATOR),
        Fault::Hold(worker) => sim.release(worker_name(worker), net::COORDINATOR),
        Fault::FullDisk => disk.set_full(false),
    }
}

fn worker_name(worker: usize) -> String {
    format!("worker-{worker}")
}
