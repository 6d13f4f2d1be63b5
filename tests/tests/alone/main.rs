//! What needs the machine for itself: a thousand workers in one process, which raises its limit of open files, a model of
//! half a gigabyte, simulations on all cores, and workers that must be about equally fast. Cargo runs one binary after the other, and here one test runs at a time.

mod gpt2_small;
mod load;
mod models;
mod simulation;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// As long as it is held, no other test of this binary runs.
struct Alone(#[expect(dead_code, reason = "it is held, not read")] MutexGuard<'static, ()>);

impl Alone {
    fn wait() -> Self {
        static MACHINE: Mutex<()> = Mutex::new(());
        // A test that fails leaves the machine as it was.
        Self(MACHINE.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
