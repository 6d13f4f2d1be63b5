//! A worker's engine that lets simulated time pass instead of computing and loading.

use std::future::pending;
use std::time::Duration;

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::Lease;
use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, WorkDone};
use patchsweep_worker::engine::{EngineError, Evaluation};
use patchsweep_worker::gauge::Vitals;
use patchsweep_worker::session::{Computer, ComputerGone, Finished, Job};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use super::scores;

/// Computes made-up scores in made-up time.
#[derive(Debug)]
pub(super) struct SimulatedComputer {
    random: ChaCha8Rng,
    /// Models that fit its memory.
    fits: usize,
    /// The one that was used last is the last.
    loaded: Vec<LoadedModel>,
    in_hand: Option<InHand>,
}

#[derive(Debug)]
struct InHand {
    job: Job,
    began: Instant,
    ends: Instant,
    loading: Duration,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Scores,
    Failure,
    Cancelled,
}

impl SimulatedComputer {
    /// Equal seeds take equal times and fail at equal tiles.
    #[must_use]
    pub(super) fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let fits = random.random_range(1..=2);
        Self { random, fits, loaded: Vec::new(), in_hand: None }
    }

    /// Says how long loading takes.
    fn load(&mut self, model: LoadedModel) -> Duration {
        let known = self.loaded.iter().position(|loaded| *loaded == model);
        let loading = if let Some(index) = known {
            self.loaded.remove(index);
            Duration::ZERO
        } else {
            let dropped = self.loaded.len().saturating_sub(self.fits - 1);
            self.loaded.drain(..dropped);
            let loading = Duration::from_millis(self.random.random_range(100..5_000));
            tracing::info!(%model, seconds = loading.as_secs_f64(), "model loaded");
            loading
        };
        self.loaded.push(model);
        loading
    }
}

/// The digest of the model that every simulated worker has.
#[must_use]
pub fn model() -> Digest {
    Digest::of(b"the simulated model")
}

/// One tile in so many fails at its first attempt.
const FAILING: u32 = 40;

impl Computer for SimulatedComputer {
    fn begin(&mut self, job: Job) -> Result<(), ComputerGone> {
        let began = Instant::now();
        let loading = self.load(LoadedModel { model: job.context.model.clone(), dtype: job.context.dtype });
        // Most tiles are quick, a few take long.
        let longest = if self.random.random_ratio(1, 20) { 12_000 } else { 1_500 };
        let ends = began + loading + Duration::from_millis(self.random.random_range(50..longest));
        let fails = job.lease.attempt.0 == 1 && self.random.random_ratio(1, FAILING);
        let ending = if fails { Ending::Failure } else { Ending::Scores };
        self.in_hand = Some(InHand { job, began, ends, loading, ending });
        Ok(())
    }

    async fn finished(&mut self) -> Result<Finished, ComputerGone> {
        match &self.in_hand {
            Some(in_hand) => tokio::time::sleep_until(in_hand.ends).await,
            None => pending().await,
        }
        let InHand { job, began, loading, ending, .. } = self.in_hand.take().ok_or(ComputerGone)?;
        let outcome = match ending {
            Ending::Scores => Ok(Evaluation {
                scores: scores::of(&job.tile, job.context.metrics.len()),
                model: model(),
                notes: Vec::new(),
                work: WorkDone { multiply_adds: 1_000_000, ..WorkDone::default() },
                loading,
            }),
            Ending::Failure => Err(EngineError::OnePromptTooLarge),
            Ending::Cancelled => Err(EngineError::Cancelled),
        };
        let (cache, loaded) = (CacheStats::default(), self.loaded.clone());
        Ok(Finished { lease: job.lease, outcome, cache, loaded, busy: began.elapsed() })
    }

    fn vitals(&self) -> Vitals {
        Vitals { loaded: self.loaded.clone(), ..Vitals::default() }
    }

    fn cancel(&mut self, lease: &Lease) {
        if let Some(in_hand) = self.in_hand.as_mut().filter(|in_hand| in_hand.job.lease == *lease) {
            in_hand.ends = Instant::now();
            in_hand.ending = Ending::Cancelled;
        }
    }
}
