//! Whole sweeps while machines crash, the network fails and the disk loses what was not synced.

use std::process::{Command, Output};

use super::Alone;

/// Seeds that CI runs; `cargo run -p patchsweep-tests --bin simulate -- 0..20000` runs more.
const SEEDS: &str = "0..100";

fn simulate(seeds: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulate")).arg(seeds).output().expect("the simulator starts")
}

fn trace(seed: u64) -> String {
    String::from_utf8(simulate(&seed.to_string()).stdout).expect("a trace is text")
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    let _alone = Alone::wait();
    let [first, second] = [trace(1), trace(1)];
    assert!(first.lines().count() > 100, "a sweep leaves a trace:\n{first}");
    if let Some((first, second)) = first.lines().zip(second.lines()).find(|(a, b)| a != b) {
        panic!("two traces of one seed part at\n{first}\n{second}");
    }
    assert_eq!(first.len(), second.len());
    assert_ne!(first, trace(2), "another seed, another trace");
}

#[test]
fn the_faults_strike() {
    let _alone = Alone::wait();
    let trace = trace(1);
    for sign in [
        "fault=Crash(Coordinator)",
        "fault=Crash(Worker",
        "fault=Partition",
        "fault=Hold",
        "fault=FullDisk",
        "sweep recovered",
        "model loaded",
    ] {
        assert!(trace.contains(sign), "no {sign} in:\n{trace}");
    }
}

#[test]
fn whatever_goes_wrong_the_scores_are_those_of_an_undisturbed_sweep() {
    let _alone = Alone::wait();
    let Output { status, stderr, .. } = simulate(SEEDS);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
}
