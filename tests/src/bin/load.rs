//! What a coordinator takes: `load [PATCHSWEEP]` starts that program, by default the one beside this, and sets very many
//! workers on it, with sessions over real connections and made-up scores. Prints what came of it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use patchsweep_proto::v1::SweepState;
use patchsweep_tests::cluster::ask;
use patchsweep_tests::load::{Bulk, Coordinator, Crowd, digests_of_folder, expected_digests};
use patchsweep_tests::program;
use tempfile::TempDir;

const CREDIT: u32 = 2;

#[tokio::main]
async fn main() {
    let program = std::env::args_os().nth(1).map_or_else(|| program("patchsweep"), PathBuf::from);
    Crowd::allow_connections(1_000).expect("more open files");
    if std::env::var("STAGE").is_ok_and(|s| s == "m") { million_cells(&program).await; return; }
    for workers in [50, 1_000] {
        trivial_tiles(&program, workers).await;
    }
}

/// A sweep of a million cells, 1,000 workers, and a coordinator that is killed in the middle.
async fn million_cells(program: &Path) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bulk = Bulk::new(101, std::env::var("TILE").map_or(15_000_000_000, |t| t.parse().unwrap()));
    let mut coordinator = Coordinator::start(program, bulk.models(), &folder.path().join("state"));
    let crowd = connect(&coordinator, 1_000).await;
    println!("| with 1,000 workers connected | {} |", memory(&coordinator));
    let id = submit(&coordinator, &bulk);
    let half = coordinator.wait_for(&id, |status| 2 * status.tiles_done >= status.tiles_total).await;
    println!("| tiles, cells | {}, {} |", half.tiles_total, half.cells_total);
    println!("| with half the sweep done | {} |", memory(&coordinator));
    let listening = coordinator.kill_and_restart();
    let killed = Instant::now();
    println!("| listens again after a kill | {:.2} s |", listening.as_secs_f64());
    let last = std::sync::Mutex::new((Instant::now(), 0));
    let ended = coordinator.wait_for(&id, |status| { let mut l = last.lock().unwrap(); if l.0.elapsed().as_secs_f64() > 2.0 { *l = (Instant::now(), status.tiles_done); eprintln!("{} done {} leased workers {} dropped {} failed", status.tiles_done, status.tiles_leased, status.workers, status.results_dropped);} status.state() != SweepState::Running}).await;
    assert_eq!(ended.state(), SweepState::Done);
    println!("| and has computed the rest | {:.2} s later |", killed.elapsed().as_secs_f64());
    println!("| tiles computed in vain | {} |", crowd.computed() - u64::from(ended.tiles_total));
    println!("| at the end | {} |", memory(&coordinator));
    let results = fetch(&coordinator, &id, &folder);
    println!("| with the results fetched | {} |", memory(&coordinator));
    assert_eq!(digests_of_folder(&results), expected_digests(&bulk.plan()), "the tensors are those of a single process");
}

/// Tiles of one cell.
async fn trivial_tiles(program: &Path, workers: u32) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bulk = Bulk::new(10, 1);
    let coordinator = Coordinator::start(program, bulk.models(), &folder.path().join("state"));
    let crowd = connect(&coordinator, workers).await;
    let id = submit(&coordinator, &bulk);
    let ended = coordinator.wait_for(&id, |status| status.state() != SweepState::Running).await;
    let seconds = crowd.began().expect("somebody computed").elapsed().as_secs_f64();
    assert_eq!(ended.state(), SweepState::Done);
    let tiles = ended.tiles_total;
    let rate = f64::from(tiles) / seconds;
    println!("| {tiles} tiles of one cell, {workers} workers | {rate:.0} per second, {} |", memory(&coordinator));
}

async fn connect(coordinator: &Coordinator, workers: u32) -> Crowd {
    let crowd = Crowd::start(&coordinator.url(), workers, CREDIT);
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

fn memory(coordinator: &Coordinator) -> String {
    format!("{} MB at most", (coordinator.peak_kib() * 1024).div_ceil(1_000_000))
}
