//! Threads that load parts of a model side by side.

use std::panic::resume_unwind;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use patchsweep_files::ModelError;

use crate::torch::model::parameters::Block;
use crate::torch::model::scratch::Scratch;

/// Does some of the engine's work beside it. By the thread's name, a panic there is reported as one of the engine's own.
pub(super) fn beside<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    Builder::new().name(format!("engine-{name}")).spawn_scoped(scope, work).expect("the system has a thread left")
}

/// What a thread returns; if it panicked, so does this.
pub(super) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Blocks by layer, made by some threads side by side: copying and transposing takes most of the time of loading.
pub(super) fn in_parallel(
    layers: u32,
    block: impl Fn(u32, &mut Scratch) -> Result<Block, ModelError> + Sync,
) -> Result<Vec<Block>, ModelError> {
    // Each has scratch of its own.
    const MOST_THREADS: u32 = 4;
    let threads = u32::try_from(tch::get_num_threads()).unwrap_or(1).clamp(1, MOST_THREADS);
    let share = layers.div_ceil(threads).max(1);
    let block = &block;
    std::thread::scope(|scope| {
        let part = |first: u32| {
            beside(scope, &format!("from-{first}"), move || {
                let mut scratch = Scratch::default();
                let blocks = (first..layers.min(first + share)).map(|layer| block(layer, &mut scratch));
                blocks.collect::<Result<Vec<_>, _>>()
            })
        };
        let parts: Vec<_> = (0..layers).step_by(share as usize).map(part).collect();
        Ok(parts.into_iter().map(joined).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    })
}

/// Threads that hash a model's files while others read them.
pub(super) fn hashing_threads() -> usize {
    const MOST: usize = 8;
    usize::try_from(tch::get_num_threads()).unwrap_or(1).clamp(1, MOST)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::*;

    /// The name of the thread that this runs on, as a panic.
    fn tell<T>() -> T {
        panic!("{}", thread::current().name().unwrap_or("nobody"))
    }

    #[test]
    fn panics_of_all_threads_are_those_of_the_engine() {
        let embed = || thread::scope(|scope| joined(beside(scope, "embed", tell)));
        let blocks = || drop(in_parallel(4, |_, _| tell()));
        for work in [&embed as &dyn Fn(), &blocks] {
            let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it panics");
            let name = crate::panics::message(panic.as_ref());
            assert!(name.starts_with("engine-"), "{name}");
        }
    }
}
