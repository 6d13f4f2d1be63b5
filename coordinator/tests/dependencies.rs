//! Which crates build on which. ARCHITECTURE.md promises it, and each line here is what one of its promises rests on.

use std::collections::BTreeSet;
use std::process::Command;

/// All packages that a crate needs.
fn tree(package: &str, edges: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["tree", "--offline", "--locked", "--prefix", "none", "--edges", edges, "--package", package];
    let output = Command::new(cargo).current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The crates of this project that one builds on, and that it builds on none of some others.
#[track_caller]
fn builds_on(package: &str, edges: &str, own: &[&str], never: &[&str]) {
    let tree = tree(package, edges);
    let is_own = |name: &&String| name.starts_with("patchsweep-") && *name != package;
    let found: BTreeSet<&str> = tree.iter().filter(is_own).map(String::as_str).collect();
    assert_eq!(found, own.iter().copied().collect(), "what {package} builds on");
    for other in never {
        assert!(!tree.contains(*other), "{package} builds on {other}");
    }
}

#[test]
fn the_scheduler_builds_on_the_core_alone_with_its_tests_too() {
    let never = ["tokio", "tonic", "tokenizers", "resvg", "tracing", "metrics", "tch"];
    builds_on("patchsweep-schedule", "normal,build,dev", &["patchsweep-core"], &never);
}

#[test]
fn the_core_knows_no_runtime_network_or_libtorch() {
    builds_on("patchsweep-core", "normal,build", &[], &["tokio", "tonic", "prost", "tracing", "torch-sys"]);
}

#[test]
fn plans_know_no_scheduler_results_or_state() {
    let own = ["patchsweep-core", "patchsweep-proto"];
    builds_on("patchsweep-plan", "normal", &own, &["redb", "resvg", "rcgen", "metrics"]);
}

#[test]
fn results_know_no_wire() {
    builds_on("patchsweep-results", "normal", &["patchsweep-core"], &["tonic", "prost", "tokio", "redb", "tracing"]);
}

#[test]
fn a_coordinator_knows_no_command_line_and_no_libtorch() {
    let own = ["core", "files", "link", "plan", "process", "proto", "results", "schedule"]
        .map(|name| format!("patchsweep-{name}"));
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    builds_on("patchsweep-serve", "normal", &own, &["clap_complete", "ratatui", "indicatif", "tch", "torch-sys"]);
}
