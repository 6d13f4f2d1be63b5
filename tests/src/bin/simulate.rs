//! Simulates sweeps: `simulate 17` runs one seed and prints its trace, `simulate 0..20000` runs many, each in a process of
//! its own, because the order in which a runtime drops its tasks depends on how many were made in the process before.

use std::env;
use std::ops::Range;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use patchsweep_tests::simulation::{judge, simulate};
use patchsweep_tests::tiny::Tiny;

fn main() -> ExitCode {
    let given = env::args().nth(1).unwrap_or_default();
    if let Ok(seed) = given.parse() {
        return one(seed);
    }
    let range = given.split_once("..").and_then(|(first, end)| Some(first.parse().ok()?..end.parse().ok()?));
    let Some(seeds) = range else {
        eprintln!("usage: simulate SEED, or simulate FIRST..END");
        return ExitCode::from(2);
    };
    many(seeds)
}

/// The trace goes to stdout, the verdict to stderr.
fn one(seed: u64) -> ExitCode {
    let tiny = Tiny::new();
    let outcome = simulate(seed, &tiny);
    print!("{}", outcome.trace);
    match judge(&tiny, &outcome) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("seed {seed}: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn many(seeds: Range<u64>) -> ExitCode {
    let program = env::current_exe().expect("a running program knows its file");
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let ended = Command::new(&program).arg(seed.to_string()).stdout(Stdio::null()).status();
            if !ended.expect("this program can be started").success() {
                failed.lock().expect("nobody panics").push(seed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("nobody panics");
    for seed in &failed {
        eprintln!("repeat with: cargo run -p patchsweep-tests --bin simulate -- {seed}");
    }
    eprintln!("{} seeds, {} failed", seeds.end.saturating_sub(seeds.start), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
