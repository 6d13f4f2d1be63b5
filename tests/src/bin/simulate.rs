//! Simulates sweeps: `simulate 17` runs one seed and prints its trace, `simulate 0..20000` runs many, each in a process of
//! its own, because the order in which a runtime drops its tasks depends on how many were made in the process before.

use std::env;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use patchsweep_tests::simulation::{judge, simulate};
use patchsweep_tests::tiny::Tiny;

/// How often a long run says how far it is.
const SHOWN_EVERY: Duration = Duration::from_secs(30);

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

/// How many seeds have ended, and which failed.
#[derive(Default)]
struct Progress {
    ended: u64,
    failed: Vec<u64>,
}

fn many(seeds: Range<u64>) -> ExitCode {
    let program = env::current_exe().expect("a running program knows its file");
    let next = AtomicU64::new(seeds.start);
    let count = seeds.end.saturating_sub(seeds.start);
    let progress = Mutex::new((Progress::default(), Instant::now()));
    let interrupted = interruption();
    let work = || {
        while !interrupted.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            // In a group of its own, so that who interrupts this program does not interrupt the seeds in hand.
            let ended = Command::new(&program).arg(seed.to_string()).stdout(Stdio::null()).process_group(0).status();
            let failed = !ended.expect("this program can be started").success();
            let (progress, shown) = &mut *progress.lock().expect("nobody panics");
            progress.ended += 1;
            progress.failed.extend(failed.then_some(seed));
            if shown.elapsed() >= SHOWN_EVERY {
                eprintln!("{} of {count} seeds, {} failed", progress.ended, progress.failed.len());
                *shown = Instant::now();
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (Progress { ended, failed }, _) = progress.into_inner().expect("nobody panics");
    for seed in &failed {
        eprintln!("repeat with: cargo run -p patchsweep-tests --bin simulate -- {seed}");
    }
    eprintln!("{ended} of {count} seeds, {} failed", failed.len());
    if ended < count {
        eprintln!(
            "interrupted: the first {ended} from {} on are done; go on with {}..{}",
            seeds.start,
            seeds.start + ended,
            seeds.end
        );
    }
    if failed.is_empty() && ended == count { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// True once somebody has interrupted this program.
fn interruption() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&interrupted);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(tokio::signal::ctrl_c()).expect("signals can be listened for");
        set.store(true, Ordering::Relaxed);
    });
    interrupted
}
