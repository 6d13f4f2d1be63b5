//! What a coordinator takes: `load [PATCHSWEEP [TILE_MULTIPLY_ADDS]]` starts that program, by default the one beside this,
//! and sets very many workers on it, with sessions over real connections and made-up scores. Prints what came of it as a
//! Markdown table.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use patchsweep_proto::v1::SweepState;
use patchsweep_tests::cluster::ask;
use patchsweep_tests::load::{
    Bulk, Coordinator, Crowd, Fetches, LargeContext, digests_of_folder, expected_digests, fetch_whole,
};
use patchsweep_tests::program;
use tempfile::TempDir;

const WORKERS: u32 = 1_000;

const CREDIT: u32 = 2;

/// Tiles that take no time.
const AT_ONCE: Duration = Duration::ZERO;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let program = args.next().map_or_else(|| program("patchsweep"), PathBuf::from);
    let sizes = args.next().map(|size| size.parse().expect("multiply-adds"));
    Crowd::allow_connections(WORKERS).expect("more open files");
    println!("| what | measured |");
    println!("|---|---|");
    // Tiles of about 3,000, 300 and 20 cells.
    for size in sizes.map_or_else(|| vec![1_000_000_000_000, 100_000_000_000, 7_000_000_000], |size| vec![size]) {
        million_cells(&program, size).await;
    }
    steady(&program, 200, Duration::from_millis(200)).await;
    trivial_tiles(&program, 50, 2).await;
    trivial_tiles(&program, 50, 16).await;
    trivial_tiles(&program, 200, 2).await;
    trivial_tiles(&program, WORKERS, 2).await;
    killed(&program).await;
    tokio::task::block_in_place(|| large_context(&program));
}

/// A sweep of a million cells that workers compute.
async fn million_cells(program: &Path, tile_multiply_adds: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bulk = Bulk::new(101, tile_multiply_adds);
    let coordinator = Coordinator::start(program, bulk.models(), &folder.path().join("state"));
    let _crowd = connect(&coordinator, WORKERS, CREDIT, AT_ONCE).await;
    let connected = megabytes(&coordinator);
    let id = submit(&coordinator, &bulk);
    let ended = coordinator.wait_for(&id, |status| status.state() != SweepState::Running).await;
    assert_eq!(ended.state(), SweepState::Done);
    let done = megabytes(&coordinator);
    let results = fetch(&coordinator, &id, &folder);
    println!(
        "| {} cells in {} tiles, {WORKERS} workers: most memory when all are connected, when the sweep is done, with the \
         results fetched | {connected}, {done}, {} MB |",
        ended.cells_total,
        ended.tiles_total,
        megabytes(&coordinator),
    );
    assert_eq!(
        digests_of_folder(&results),
        expected_digests(&bulk.plan()),
        "the tensors are those of a single process"
    );
}

/// A sweep of a million cells in tiles that take their time.
async fn steady(program: &Path, workers: u32, pace: Duration) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bulk = Bulk::new(101, 7_000_000_000);
    let coordinator = Coordinator::start(program, bulk.models(), &folder.path().join("state"));
    let crowd = connect(&coordinator, workers, CREDIT, pace).await;
    let id = submit(&coordinator, &bulk);
    let ended = coordinator.wait_for(&id, |status| status.state() != SweepState::Running).await;
    assert_eq!(ended.state(), SweepState::Done);
    println!(
        "| {} cells in {} tiles of {pace:?}, {workers} workers with a credit of {CREDIT} | the least busy one computes {:.1}% of the \
         time, {} MB |",
        ended.cells_total,
        ended.tiles_total,
        100.0 * crowd.least_busy(),
        megabytes(&coordinator)
    );
}

/// Tiles of one cell.
async fn trivial_tiles(program: &Path, workers: u32, credit: u32) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bulk = Bulk::new(10, 1);
    let coordinator = Coordinator::start(program, bulk.models(), &folder.path().join("state"));
    let crowd = connect(&coordinator, workers, credit, AT_ONCE).await;
    let id = submit(&coordinator, &bulk);
    let ended = coordinator.wait_for(&id, |status| status.state() != SweepState::Running).await;
    let seconds = crowd.began().expect("somebody computed").elapsed().as_secs_f64();
    assert_eq!(ended.state(), SweepState::Done);
    let (tiles, memory) = (ended.tiles_total, megabytes(&coordinator));
    let rate = f64::from(tiles) / seconds;
    println!(
        "| {tiles} trivial tiles, {workers} workers with a credit of {credit} | {rate:.0} per second, {memory} MB |"
    );
}

/// A coordinator that is killed in the middle of a sweep of trivial tiles.
async fn killed(program: &Path) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bulk = Bulk::new(10, 1);
    let mut coordinator = Coordinator::start(program, bulk.models(), &folder.path().join("state"));
    let crowd = connect(&coordinator, WORKERS, CREDIT, AT_ONCE).await;
    let id = submit(&coordinator, &bulk);
    let before = coordinator.wait_for(&id, |status| 2 * status.tiles_done >= status.tiles_total).await;
    assert_eq!(before.state(), SweepState::Running, "killed in the middle");
    let killed = Instant::now();
    let listening = coordinator.kill_and_restart().as_secs_f64();
    let status = coordinator.wait_for(&id, |_| true).await;
    coordinator.wait_for(&id, |now| now.tiles_done > status.tiles_done || now.state() == SweepState::Done).await;
    let computing = killed.elapsed().as_secs_f64();
    let ended = coordinator.wait_for(&id, |status| status.state() != SweepState::Running).await;
    assert_eq!(ended.state(), SweepState::Done);
    let vain = crowd.computed() - u64::from(ended.tiles_total);
    let done = status.tiles_done;
    println!(
        "| the same, killed with {done} tiles on disk | listens again after {listening:.2} s, first result after \
         {computing:.2} s, {vain} tiles computed in vain, {} MB |",
        megabytes(&coordinator),
    );
}

/// A context of 100 MB that all workers ask for at the same moment.
fn large_context(program: &Path) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join("state");
    let context = LargeContext::store(&state);
    let coordinator = Coordinator::start(program, folder.path(), &state);
    coordinator.forget_peak();
    let idle = megabytes(&coordinator);
    let _fetches = Fetches::begin(coordinator.address(), WORKERS, &context);
    assert_eq!(fetch_whole(coordinator.address(), &context), (context.digest, context.bytes));
    println!(
        "| a context of {} MB that {WORKERS} workers fetch at once: most memory before, and when all wait for more | {idle}, {} MB |",
        context.bytes / 1_000_000,
        megabytes(&coordinator),
    );
}

async fn connect(coordinator: &Coordinator, workers: u32, credit: u32, pace: Duration) -> Crowd {
    let crowd = Crowd::start(&coordinator.url(), workers, credit, pace);
    coordinator.wait_for_workers(workers).await;
    crowd
}

fn submit(coordinator: &Coordinator, bulk: &Bulk) -> String {
    let [spec, option, size] = bulk.submission();
    tokio::task::block_in_place(|| ask(&coordinator.url(), &["submit", &spec, &option, &size]))
}

fn fetch(coordinator: &Coordinator, id: &str, folder: &TempDir) -> PathBuf {
    tokio::task::block_in_place(|| patchsweep_tests::cluster::fetch(&coordinator.url(), id, folder))
}

/// The most memory that the coordinator had so far.
fn megabytes(coordinator: &Coordinator) -> u64 {
    (coordinator.peak_kib() * 1024).div_ceil(1_000_000)
}
