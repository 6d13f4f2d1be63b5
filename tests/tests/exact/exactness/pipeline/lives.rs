//! A sweep in the hands of a coordinator that may be killed, and of a worker that reports tiles in any order, some of them
//! twice: what comes second is wrong.

use std::path::Path;

use patchsweep_core::context::SweepContext;
use patchsweep_core::results::SweepResults;
use patchsweep_proto::v1::{Grant, Submission, SweepState, SweepStatus};
use patchsweep_proto::wire::decode_results;
use patchsweep_serve::server::Offload;
use patchsweep_serve::state::{Recovered, Store};
use patchsweep_tests::asked::{Client, fetch, status, wait_for};
use patchsweep_tests::scripted::Served;
use patchsweep_tests::simulation::Disk;
use patchsweep_worker::torch::TorchEngine;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::engine::engine;
use super::case::Delivery;
use super::computed::{Computed, context_of};

/// How often a result comes again, wrong.
const TWICE: f64 = 0.3;

/// One sweep's worker, over all lives of its coordinator.
pub(super) struct Delivering<'a> {
    models: &'a Path,
    delivery: &'a Delivery,
    rng: ChaCha8Rng,
    engine: TorchEngine,
    context: Option<SweepContext>,
    /// Results that were acknowledged.
    delivered: u32,
    /// Those of earlier lives.
    earlier: Vec<Computed>,
}

impl<'a> Delivering<'a> {
    pub(super) fn new(models: &'a Path, delivery: &'a Delivery) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(delivery.seed);
        let engine = engine(models, delivery.memory_budget);
        Self { models, delivery, rng, engine, context: None, delivered: 0, earlier: Vec::new() }
    }

    /// What a client fetches when the sweep is done.
    pub(super) fn results(&mut self, submission: &Submission) -> SweepResults {
        let disk = Disk::default();
        loop {
            // Everything that a life has under way ends with its runtime.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let opened = Store::on_backend(disk.open()).expect("what is on disk can be read");
            if let Some(results) = runtime.block_on(self.life(opened, submission)) {
                return results;
            }
            disk.crash(&mut self.rng);
        }
    }

    /// One life of the coordinator; nothing where it ends by being killed.
    async fn life(&mut self, opened: (Store, Recovered), submission: &Submission) -> Option<SweepResults> {
        let served = Served::of_models(self.models, opened, None, Offload::Inline).await;
        let sweep = served.submit(submission.clone()).await.sweep_id;
        let (mut client, mut worker) = (served.client().await, served.worker(self.delivery.credit).await);
        let mut dropped = 0;
        for computed in std::mem::take(&mut self.earlier) {
            computed.report_wrong(&mut worker).await;
            dropped += 1;
        }
        let (mut held, mut reported) = (Vec::new(), Vec::new());
        let mut due = Due::of(&status(&mut client, &sweep).await);
        while due.goes_on(&mut client, &sweep).await {
            while held.len() < self.delivery.credit.min(due.tiles) as usize {
                held.push(worker.grant().await);
            }
            let grant = held.swap_remove(self.rng.random_range(0..held.len()));
            let computed = self.compute(&served, grant).await;
            let is_killed = self.delivery.killed_after == Some(self.delivered);
            self.delivered += 1;
            if is_killed {
                // This one is on disk, or not.
                computed.say(&worker).await;
                self.earlier = reported;
                return None;
            }
            computed.report(&mut worker).await;
            due.tiles -= 1;
            if self.rng.random_bool(TWICE) {
                computed.report_wrong(&mut worker).await;
                dropped += 1;
            }
            reported.push(computed);
        }
        let ended = status(&mut client, &sweep).await;
        assert_eq!((ended.state(), ended.results_dropped), (SweepState::Done, dropped), "{ended:?}");
        Some(decode_results(&fetch(&mut client, &sweep).await).expect("results"))
    }

    async fn compute(&mut self, served: &Served, grant: Grant) -> Computed {
        if self.context.is_none() {
            self.context = Some(context_of(served, &grant).await);
        }
        Computed::of(grant, self.context.as_ref().expect("just fetched"), &mut self.engine)
    }
}

/// Tiles that are still to be computed.
struct Due {
    tiles: u32,
    /// Of the sweep, as far as is known.
    of: u32,
}

impl Due {
    fn of(status: &SweepStatus) -> Self {
        Self { tiles: status.tiles_total - status.tiles_done, of: status.tiles_total }
    }

    /// Whether there are any; of a sweep that chooses cells more come when all have been computed.
    async fn goes_on(&mut self, client: &mut Client, sweep: &str) -> bool {
        if self.tiles > 0 {
            return true;
        }
        let is_decided = |status: &SweepStatus| status.state() != SweepState::Running || status.tiles_total > self.of;
        let status = wait_for(client, sweep, is_decided).await;
        (self.tiles, self.of) = (status.tiles_total - self.of, status.tiles_total);
        self.tiles > 0
    }
}
