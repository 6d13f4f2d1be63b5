//! The engine against brute force: random models, random sweeps, cut at random.
//!
//! The cases are the same on every run. `PROPTEST_RNG_SEED=N` draws others.

mod architectures;
mod compare;
mod engine;
mod grids;
mod iterations;
mod metrics;
mod model;
mod scenario;
mod sweep;

use std::cell::RefCell;
use std::collections::BTreeSet;

use patchsweep_core::context::Direction;
use patchsweep_core::grid::{Component, PatchValue};
use patchsweep_core::metric::MetricKind;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use iterations::Corruption;
use scenario::{Topic, scenarios};
use sweep::{Effects, check, check_swapped};

/// A failure needs no file to be found again, because the seed is fixed.
fn runner() -> TestRunner {
    let mut config = Config { max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_240_503);
    }
    eprintln!("proptest seed: {:?}", config.rng_seed);
    TestRunner::new(config)
}

/// Draws one case and, when it fails, the smallest case near it that does.
fn draw<S: Strategy>(runner: &mut TestRunner, strategy: &S, check: impl Fn(S::Value) -> Result<(), String>) {
    let drawn = strategy.new_tree(runner).expect("a case is drawn");
    if let Err(failure) = runner.run_one(drawn, |case| check(case).map_err(TestCaseError::fail)) {
        panic!("{failure}");
    }
}

#[test]
fn every_grid_value_direction_and_corruption_is_exact() {
    let mut runner = runner();
    let topics = Topic::all();
    assert!(topics.len() >= 200, "{} cases", topics.len());
    let effects = RefCell::new(Effects::default());
    let metrics = RefCell::new(BTreeSet::new());
    for topic in topics {
        draw(&mut runner, &scenarios(topic), |scenario| {
            effects.borrow_mut().add(check(&scenario)?);
            let kinds = scenario.context.metrics.iter().map(|metric| metric.kind.name());
            metrics.borrow_mut().extend(kinds.map(|kind| (topic.component, kind)));
            Ok(())
        });
    }
    assert_eq!(metrics.borrow().len(), Component::ALL.len() * 6, "each component under each kind of metric");
    let effects = effects.into_inner();
    assert!(effects.moved * 10 > effects.live * 8, "most patches that can matter do: {effects:?}");
    assert!(effects.noop * 10 > effects.live, "and there are enough that cannot: {effects:?}");
}

#[test]
fn denoising_equals_noising_with_clean_and_corrupted_swapped() {
    let mut runner = runner();
    for component in Component::ALL {
        for value in [PatchValue::Other, PatchValue::Zero] {
            let topic = Topic { component, value, direction: Direction::Noising, corruption: Corruption::Tokens };
            // KL divergence is measured from the clean run, whatever the direction.
            let symmetric = scenarios(topic).prop_map(|mut scenario| {
                for metric in &mut scenario.context.metrics {
                    if metric.kind == MetricKind::Kl {
                        metric.kind = MetricKind::Logprob;
                    }
                }
                scenario
            });
            draw(&mut runner, &symmetric, |scenario| check_swapped(&scenario));
        }
    }
}
