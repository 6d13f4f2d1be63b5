//! Whole sweeps while machines crash, the network fails and the disk loses what was not synced.
//!
//! `PATCHSWEEP_SIMULATION_SEEDS=17..18` repeats one simulation, `0..20000` runs many. With
//! `PATCHSWEEP_SIMULATION_TRACE=1` the traces of failing seeds are written to the system's temporary folder.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, thread};

use patchsweep_tests::simulation::{Fault, Machine, Outcome, simulate};
use patchsweep_tests::tiny::{Tiny, bits};

/// Seeds that CI runs.
const SEEDS: Range<u64> = 0..200;

/// Leases whose results were acknowledged to workers and kept: `(tile, attempt)` as the trace names them.
fn check(tiny: &Tiny, outcome: &Outcome) -> Result<(), String> {
    let results = outcome.results.as_ref().map_err(Clone::clone)?;
    if bits(results) != bits(&tiny.expected()) {
        return Err("the tensors are not those of a single process".to_owned());
    }
    let acknowledged = leases(&outcome.trace, "result acknowledged");
    let manifest: serde_json::Value = serde_json::from_str(&results.manifest).map_err(|error| error.to_string())?;
    if manifest["run"]["workers"].as_array().is_none_or(Vec::is_empty) {
        return Err("the manifest names no workers".to_owned());
    }
    if acknowledged.is_empty() {
        return Err("no result was ever acknowledged".to_owned());
    }
    Ok(())
}

/// `sweep`, `tile` and `attempt` of the trace's lines with this message.
fn leases(trace: &str, message: &str) -> BTreeSet<String> {
    let lines = trace.lines().filter(|line| line.contains(message));
    lines.filter_map(|line| Some(line[line.find(message)?..].to_owned())).collect()
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("PATCHSWEEP_SIMULATION_SEEDS") else { return SEEDS };
    let range = text.split_once("..").and_then(|(first, end)| Some(first.parse().ok()?..end.parse().ok()?));
    range.expect("PATCHSWEEP_SIMULATION_SEEDS is FIRST..END")
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    let tiny = Tiny::new();
    let [first, second] = [simulate(1, &tiny), simulate(1, &tiny)];
    assert!(first.trace.lines().count() > 100, "a sweep leaves a trace:\n{}", first.trace);
    let differing = first.trace.lines().zip(second.trace.lines()).find(|(a, b)| a != b);
    assert_eq!(differing, None);
    assert_eq!(first.trace.len(), second.trace.len());
    assert_ne!(first.trace, simulate(2, &tiny).trace, "another seed, another trace");
}

#[test]
fn whatever_goes_wrong_the_scores_are_those_of_an_undisturbed_sweep() {
    let tiny = Tiny::new();
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut crashed = [false; 2];
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return crashed;
            }
            let outcome = simulate(seed, &tiny);
            if let Err(reason) = check(&tiny, &outcome) {
                report(seed, &outcome);
                panic!("seed {seed}: {reason}");
            }
            let faults = outcome.troubles.iter().map(|trouble| trouble.fault);
            for fault in faults {
                crashed[0] |= fault == Fault::Crash(Machine::Coordinator);
                crashed[1] |= matches!(fault, Fault::Crash(Machine::Worker(_)));
            }
        }
    };
    thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(work));
        for thread in threads {
            thread.join().expect("every seed holds");
        }
    });
}

fn report(seed: u64, outcome: &Outcome) {
    eprintln!(
        "repeat with: PATCHSWEEP_SIMULATION_SEEDS={seed}..{} cargo test -p patchsweep-tests --test simulation whatever",
        seed + 1
    );
    if std::env::var_os("PATCHSWEEP_SIMULATION_TRACE").is_some() {
        let path = std::env::temp_dir().join(format!("patchsweep-simulation-{seed}.txt"));
        fs::write(&path, &outcome.trace).expect("the temporary folder can be written to");
        eprintln!("trace: {}", path.display());
    }
}
