//! A tile's prompts, as many at a time as fit the memory: half as many from then on whenever it runs out.

use std::ops::Range;

use crate::engine::EngineError;
use crate::torch::tiles::chunk::Scores;
use crate::torch::tiles::memory::{OutOfMemory, within_memory};

/// Work on a tile that can be done for some of its prompts at a time.
pub(crate) trait InChunks {
    /// How many prompts are tried next, the first of them this one; at least one.
    fn most(&self, first: u32) -> u32;

    /// Whether nothing less than this can be tried.
    fn is_least(&self, chunk: &Range<u32>) -> bool;

    /// What some prompts score \[runs\]\[metrics\]\[prompts\].
    fn compute(&mut self, chunk: Range<u32>) -> Vec<Scores>;

    /// A chunk is done.
    fn done(&mut self);

    /// These prompts were too many.
    fn ran_out(&mut self, chunk: &Range<u32>);
}

/// The scores of all prompts.
pub(crate) fn in_halves(
    work: &mut impl InChunks,
    Range { mut start, end }: Range<u32>,
    mut runs: Vec<Scores>,
) -> Result<Vec<Scores>, EngineError> {
    while start < end {
        let chunk = start..end.min(start.saturating_add(work.most(start)));
        match within_memory(|| work.compute(chunk.clone())) {
            Ok(part) => {
                for (scores, part) in runs.iter_mut().flatten().zip(part.into_iter().flatten()) {
                    scores.extend(part);
                }
                start = chunk.end;
                work.done();
            }
            Err(OutOfMemory) if work.is_least(&chunk) => return Err(EngineError::OnePromptTooLarge),
            Err(OutOfMemory) => {
                work.ran_out(&chunk);
                tracing::warn!(prompts = chunk.len(), "out of memory; trying again with half as much at once");
            }
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has room for so many prompts; a prompt's score is its number.
    struct Room {
        fitting: u32,
        most: u32,
        tried: Vec<u32>,
    }

    impl InChunks for Room {
        fn most(&self, _first: u32) -> u32 {
            self.most
        }

        fn is_least(&self, chunk: &Range<u32>) -> bool {
            chunk.len() == 1
        }

        fn compute(&mut self, chunk: Range<u32>) -> Vec<Scores> {
            let prompts = chunk.end - chunk.start;
            self.tried.push(prompts);
            assert!(prompts <= self.fitting, "out of memory");
            vec![vec![chunk.map(|prompt| f32::from(u8::try_from(prompt).expect("few"))).collect()]]
        }

        fn done(&mut self) {}

        fn ran_out(&mut self, chunk: &Range<u32>) {
            self.most = (chunk.end - chunk.start) / 2;
        }
    }

    fn run(fitting: u32) -> (Result<Vec<Scores>, EngineError>, Vec<u32>) {
        let mut work = Room { fitting, most: 8, tried: Vec::new() };
        let scores = in_halves(&mut work, 1..8, vec![vec![Vec::new()]]);
        (scores, work.tried)
    }

    #[test]
    fn what_does_not_fit_is_tried_in_halves_and_every_prompt_is_scored_once() {
        let (scores, tried) = run(2);
        assert_eq!(scores.expect("it fits"), [[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]]);
        assert_eq!(tried, [7, 3, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(run(8).1, [7]);
    }

    #[test]
    fn a_prompt_that_does_not_fit_alone_is_too_large() {
        assert!(matches!(run(0).0, Err(EngineError::OnePromptTooLarge)));
    }
}
