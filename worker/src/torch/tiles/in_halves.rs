//! A tile's prompts, as many at a time as fit the memory: half as many from then on whenever it runs out.

use std::ops::Range;

use crate::engine::EngineError;
use crate::torch::tiles::memory::{OutOfMemory, within_memory};

/// Work on a tile that can be done for some of its prompts at a time.
pub(crate) trait InChunks {
    /// What some prompts give.
    type Part;

    /// How many prompts are tried next, the first of them this one; at least one.
    fn most(&self, first: u32) -> u32;

    /// Whether nothing less than this can be tried.
    fn is_least(&self, chunk: &Range<u32>) -> bool;

    fn compute(&mut self, chunk: Range<u32>) -> Self::Part;

    /// Adds what the next prompts give to what those before gave.
    fn take(&mut self, part: Self::Part);

    /// These prompts were too many.
    fn ran_out(&mut self, chunk: &Range<u32>);

    /// Shows what is taken of the device now; `retries`: how many chunks were tried again so far.
    fn show(&self, retries: u64);
}

/// Computes all prompts, and says how many chunks were tried again.
pub(crate) fn in_halves(
    work: &mut impl InChunks,
    Range { mut start, end }: Range<u32>,
) -> (Result<(), EngineError>, u64) {
    let mut retries = 0;
    while start < end {
        let chunk = start..end.min(start.saturating_add(work.most(start)));
        match within_memory(|| work.compute(chunk.clone())) {
            Ok(part) => {
                work.take(part);
                start = chunk.end;
            }
            Err(OutOfMemory) if work.is_least(&chunk) => return (Err(EngineError::OnePromptTooLarge), retries),
            Err(OutOfMemory) => {
                work.ran_out(&chunk);
                retries += 1;
                tracing::warn!(prompts = chunk.len(), "out of memory; trying again with half as much at once");
            }
        }
        work.show(retries);
    }
    (Ok(()), retries)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Has room for so many prompts.
    struct Room {
        fitting: u32,
        most: u32,
        tried: Vec<u32>,
        computed: Vec<u32>,
        /// Retries, as they were shown last.
        shown: Cell<u64>,
    }

    impl InChunks for Room {
        type Part = Range<u32>;

        fn most(&self, _first: u32) -> u32 {
            self.most
        }

        fn is_least(&self, chunk: &Range<u32>) -> bool {
            chunk.len() == 1
        }

        fn compute(&mut self, chunk: Range<u32>) -> Range<u32> {
            let prompts = chunk.end - chunk.start;
            self.tried.push(prompts);
            assert!(prompts <= self.fitting, "out of memory");
            chunk
        }

        fn take(&mut self, part: Range<u32>) {
            self.computed.extend(part);
        }

        fn ran_out(&mut self, chunk: &Range<u32>) {
            self.most = (chunk.end - chunk.start) / 2;
        }

        fn show(&self, retries: u64) {
            self.shown.set(retries);
        }
    }

    fn run(fitting: u32) -> (Result<(), EngineError>, u64, Room) {
        let mut work = Room { fitting, most: 8, tried: Vec::new(), computed: Vec::new(), shown: Cell::new(0) };
        let (done, retries) = in_halves(&mut work, 1..8);
        (done, retries, work)
    }

    #[test]
    fn what_does_not_fit_is_tried_in_halves_and_every_prompt_is_computed_once() {
        let (done, retries, work) = run(2);
        assert!(done.is_ok() && work.computed == [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(work.tried, [7, 3, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!((retries, work.shown.get()), (2, 2));
        let (_, retries, work) = run(8);
        assert_eq!((retries, work.tried), (0, vec![7]));
    }

    #[test]
    fn a_prompt_that_does_not_fit_alone_is_too_large() {
        let (done, retries, _) = run(0);
        assert!(matches!(done, Err(EngineError::OnePromptTooLarge)) && retries == 2);
    }
}
