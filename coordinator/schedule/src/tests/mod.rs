//! The rules, one test each. After each event everything is counted anew.

mod adoption;
mod avoiding;
mod blame;
mod extended;
mod fairness;
mod grants;
mod leases;
mod leaving;
mod models;
mod quarantine;
mod sweeps;
mod time;
mod whole_runs;

use std::collections::BTreeMap;

use patchsweep_core::ids::{Attempt, TileId};
use patchsweep_core::status::Priority;
use patchsweep_core::workers::WorkerState;

use super::*;

const W1: WorkerId = WorkerId(1);
const W2: WorkerId = WorkerId(2);
const W3: WorkerId = WorkerId(3);
const W4: WorkerId = WorkerId(4);

const MODEL: ModelKey = ModelKey(1);

fn named(name: &str) -> SweepId {
    SweepId(name.into())
}

fn sweep() -> SweepId {
    named("s")
}

/// Tiles of cost 10, one list entry per tile: its iteration.
fn tiles(iterations: &[u32]) -> Vec<TileInfo> {
    iterations.iter().map(|&iteration| TileInfo { iteration, cost: 10 }).collect()
}

fn submitted(iterations: &[u32]) -> Event {
    submitted_with(iterations, [])
}

fn submitted_with<const N: usize>(iterations: &[u32], past: [(u32, Past); N]) -> Event {
    let past = past.into_iter().map(|(tile, past)| (TileId(tile), past)).collect();
    Event::Submitted {
        sweep: sweep(),
        since: Epoch(1),
        model: MODEL,
        tiles: tiles(iterations),
        priority: Priority::default(),
        past,
        avoid: BTreeMap::new(),
    }
}

/// Tiles of one iteration, each with the workers that leave it to others.
fn submitted_avoiding(avoid: &[&[WorkerId]]) -> Event {
    let avoid = (0..).map(TileId).zip(avoid.iter().map(|workers| workers.iter().copied().collect())).collect();
    match submitted(&vec![0; BTreeMap::len(&avoid)]) {
        Event::Submitted { sweep, since, model, tiles, priority, past, .. } => {
            Event::Submitted { sweep, since, model, tiles, priority, past, avoid }
        }
        other => other,
    }
}

fn lease(tile: u32, attempt: u32) -> Lease {
    Lease { epoch: Epoch(1), sweep: sweep(), tile: TileId(tile), attempt: Attempt(attempt) }
}

fn grant(worker: WorkerId, tile: u32, attempt: u32) -> Effect {
    Effect::Grant { worker, lease: lease(tile, attempt) }
}

fn revoke(worker: WorkerId, lease: Lease) -> Effect {
    Effect::Revoke { worker, lease }
}

fn acknowledge(worker: WorkerId, lease: Lease) -> Effect {
    Effect::Acknowledge { worker, lease }
}

fn record(worker: WorkerId, lease: Lease, reason: &str) -> Effect {
    Effect::RecordFailure { worker, lease, reason: reason.into() }
}

fn ended(outcome: Outcome) -> Effect {
    Effect::Ended { sweep: sweep(), outcome }
}

struct Harness {
    scheduler: Scheduler,
    seconds: u64,
}

impl Harness {
    fn empty() -> Self {
        Self { scheduler: Scheduler::new(Epoch(1)), seconds: 0 }
    }

    fn new(workers: &[WorkerId], credit: u32, iterations: &[u32]) -> (Self, Vec<Effect>) {
        let mut harness = Self::empty();
        for &worker in workers {
            harness.join(worker, credit);
        }
        let effects = harness.apply(submitted(iterations));
        (harness, effects)
    }

    fn apply(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.scheduler.apply(Duration::from_secs(self.seconds), event);
        self.scheduler.assert_invariants();
        effects
    }

    fn at(&mut self, seconds: u64, event: Event) -> Vec<Effect> {
        self.seconds = seconds;
        self.apply(event)
    }

    /// A tick at this time, up to which everybody sends heartbeats.
    fn tick_alive(&mut self, seconds: u64) -> Vec<Effect> {
        self.seconds = seconds;
        for worker in self.scheduler.workers() {
            self.apply(Event::Heard { worker: worker.worker });
        }
        self.apply(Event::Tick)
    }

    fn join(&mut self, worker: WorkerId, credit: u32) -> Vec<Effect> {
        self.join_with(worker, credit, &[])
    }

    fn join_with(&mut self, worker: WorkerId, credit: u32, held: &[Lease]) -> Vec<Effect> {
        self.apply(Event::Joined { worker, credit, held: held.to_vec(), loaded: BTreeSet::new() })
    }

    fn lose(&mut self, worker: WorkerId) -> Vec<Effect> {
        self.apply(Event::Lost { worker })
    }

    /// After one second of work.
    fn finish(&mut self, worker: WorkerId, lease: Lease) -> Vec<Effect> {
        self.judge(worker, lease).1
    }

    /// The same, with what becomes of the scores.
    fn judge(&mut self, worker: WorkerId, lease: Lease) -> (Verdict, Vec<Effect>) {
        self.finish_in(1, worker, lease)
    }

    /// After so many seconds of work.
    fn finish_in(&mut self, seconds: u64, worker: WorkerId, lease: Lease) -> (Verdict, Vec<Effect>) {
        let busy = Duration::from_secs(seconds);
        self.take(Finished { worker, lease, busy, loading: Duration::ZERO })
    }

    fn take(&mut self, finished: Finished) -> (Verdict, Vec<Effect>) {
        let judged = self.scheduler.finish(Duration::from_secs(self.seconds), finished);
        self.scheduler.assert_invariants();
        judged
    }

    fn fail(&mut self, worker: WorkerId, lease: Lease) -> Vec<Effect> {
        self.apply(Event::Failed { worker, lease, reason: "broken".into() })
    }

    fn release(&mut self, worker: WorkerId, lease: Lease) -> Vec<Effect> {
        self.apply(Event::Released { worker, lease })
    }

    fn progress(&self) -> Progress {
        self.scheduler.progress(&sweep()).expect("known")
    }

    /// Leases that a worker holds, and whether they were revoked.
    fn held(&self, worker: WorkerId) -> Vec<(Lease, bool)> {
        self.view(worker).leases.into_iter().map(|held| (held.lease, held.revoked)).collect()
    }

    fn view(&self, worker: WorkerId) -> WorkerView {
        self.scheduler.workers().into_iter().find(|view| view.worker == worker).expect("connected")
    }
}
