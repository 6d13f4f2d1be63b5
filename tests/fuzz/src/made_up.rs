//! Made-up inputs, drawn from a seed.

use std::time::{Duration, Instant};

use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::Edits;

/// How many inputs, the same ones each time.
const INPUTS: &str = "PATCHSWEEP_FUZZ_INPUTS";

/// For how many seconds, with new inputs each time.
const SECONDS: &str = "PATCHSWEEP_FUZZ_SECONDS";

/// The seed of an earlier run for some seconds.
const SEED: &str = "PATCHSWEEP_FUZZ_SEED";

/// Where the inputs come from, and when there are enough.
pub(crate) struct MadeUp {
    seed: u64,
    enough: Enough,
}

enum Enough {
    Inputs(u64),
    Seconds(u64),
}

impl MadeUp {
    /// What the environment asks for: 500 inputs where it asks for nothing.
    ///
    /// # Panics
    /// When it asks for something that is no number.
    pub(crate) fn asked() -> Self {
        let enough = asked(SECONDS).map(Enough::Seconds).or_else(|| asked(INPUTS).map(Enough::Inputs));
        let seed = asked(SEED).or_else(|| matches!(enough, Some(Enough::Seconds(_))).then(rand::random));
        Self { seed: seed.unwrap_or_default(), enough: enough.unwrap_or(Enough::Inputs(500)) }
    }

    /// Runs inputs until there are enough.
    ///
    /// # Panics
    /// At the first that panics, with the smallest like it that was found within a minute.
    pub(crate) fn run(&self, run: impl Fn(&Edits)) {
        let mut runner = self.runner();
        let edits = (any::<u16>(), proptest::collection::vec(any::<(u8, u16, u16)>(), 0..=32));
        let started = Instant::now();
        let mut inputs = 0;
        while !self.is_enough(inputs, started) {
            let tree = edits.new_tree(&mut runner).expect("these edits are never rejected");
            let checked = runner.run_one(tree, |edits| {
                run(&edits);
                Ok(())
            });
            if let Err(error) = checked {
                panic!("input {inputs} of {SEED}={}: {error}", self.seed);
            }
            inputs += 1;
        }
        println!("{inputs} inputs of {SEED}={} in {:.0?}", self.seed, started.elapsed());
    }

    fn runner(&self) -> TestRunner {
        let config = Config { failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }

    fn is_enough(&self, inputs: u64, started: Instant) -> bool {
        match self.enough {
            Enough::Inputs(most) => inputs >= most,
            Enough::Seconds(most) => started.elapsed() >= Duration::from_secs(most),
        }
    }
}

fn asked(name: &str) -> Option<u64> {
    let number = std::env::var(name).ok()?;
    Some(number.parse().unwrap_or_else(|error| panic!("{name}={number}: {error}")))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::{Enough, MadeUp};

    #[test]
    fn a_seed_makes_the_same_inputs_each_time() {
        let made = |seed| {
            let inputs = RefCell::new(Vec::new());
            MadeUp { seed, enough: Enough::Inputs(20) }.run(|edits| inputs.borrow_mut().push(edits.clone()));
            inputs.into_inner()
        };
        assert_eq!(made(3).len(), 20);
        assert_eq!(made(3), made(3));
        assert_ne!(made(3), made(4));
    }

    #[test]
    #[should_panic(expected = "PATCHSWEEP_FUZZ_SEED=3")]
    fn a_panic_says_which_seed_it_was() {
        MadeUp { seed: 3, enough: Enough::Inputs(20) }.run(|(start, _)| assert!(*start < 9));
    }
}
