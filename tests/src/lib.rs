//! What the tests share: the built programs as real processes, and their results as arrays.

// What fails here is a test.
#![allow(clippy::missing_panics_doc)]

pub mod asked;
pub mod cluster;
pub mod http;
pub mod hub;
pub mod load;
pub mod process;
pub mod random_model;
pub mod scores;
pub mod scripted;
pub mod simulation;
pub mod spec;
pub mod sweep;
pub mod terminal;
pub mod tiny;

pub use process::{Running, patchsweep, serve, serve_at, worker};
pub use scores::Scores;
pub use spec::{Spec, spec};
pub use sweep::Sweep;

use std::path::{Path, PathBuf};

/// The repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A built program, beside the running one or the folder of the running test.
///
/// # Panics
/// When it has not been built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let running = std::env::current_exe().expect("a running program knows its file");
    // Tests lie in target/PROFILE/deps, programs in target/PROFILE.
    let folders = running.ancestors().skip(1).take(2);
    let program = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
    program.unwrap_or_else(|| panic!("{name} is missing: run `cargo build --workspace` first"))
}
