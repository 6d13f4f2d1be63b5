//! Where a sweep's work is: what the owning task knows, and what the journal holds.

use patchsweep_core::explain::{SweepExplanation, TileOrigin};
use patchsweep_core::ids::SweepId;

use super::actor::Actor;
use super::handle::{Reply, Situated};
use super::rpc_errors::RequestError;
use crate::explain::{CellAddress, HeldTile, Kept, Situation, explain, tiles_of};
use crate::state::{KeptResult, Store};

impl Actor {
    /// How things are with a sweep, told once the journal holds what it rests on.
    pub(super) fn situate(&mut self, sweep: &SweepId, reply: Reply<Box<Situated>>) {
        let situated = self.situation(sweep);
        self.promise_answer(move || drop(reply.send(situated)));
    }

    fn situation(&self, sweep: &SweepId) -> Result<Box<Situated>, RequestError> {
        let record = self.record(sweep)?;
        let status = match (&record.running, self.scheduler.progress(sweep)) {
            (Some(_), Some(progress)) => {
                record.status_now(progress, self.scheduler.worker_count(), self.scheduler.waiting(sweep))
            }
            _ => record.status.borrow().clone(),
        };
        let running = self.sweeps.iter().filter(|(_, record)| record.running.is_some());
        let priorities = running.map(|(id, record)| (id.clone(), record.status.borrow().priority)).collect();
        let situation = Situation {
            status,
            workers: self.worker_statuses(),
            unfit: self.scheduler.unfit_workers(sweep),
            held: self.held(sweep),
            priorities,
        };
        let plan = record.running.as_ref().map(|running| running.plan.clone());
        Ok(Box::new(Situated { situation, plan }))
    }

    fn held(&self, sweep: &SweepId) -> Vec<HeldTile> {
        let now = self.began.elapsed();
        let mut held = Vec::new();
        for view in self.scheduler.workers() {
            for place in view.leases.iter().filter(|place| !place.revoked && place.lease.sweep == *sweep) {
                held.push(HeldTile {
                    tile: place.lease.tile,
                    worker: self.worker_name(view.worker),
                    attempt: place.lease.attempt,
                    since: now.saturating_sub(place.since),
                });
            }
        }
        held
    }
}

/// Adds what the journal holds.
pub(super) fn explain_kept(
    store: &Store,
    situated: Situated,
    cell: &[String],
) -> Result<SweepExplanation, RequestError> {
    let Situated { situation, plan } = situated;
    let sweep = situation.status.sweep.clone();
    let snapshot = store.snapshot()?;
    let plan = match plan {
        Some(plan) => plan,
        None => snapshot.sweep(&sweep)?.ok_or_else(|| RequestError::UnknownSweep(sweep.clone()))?.plan,
    };
    let cell = if cell.is_empty() { None } else { Some(CellAddress::find(&plan, cell)?) };
    let mut kept = Kept { failures: snapshot.failures(&sweep)?, ..Kept::default() };
    for tile in cell.iter().flat_map(|cell| tiles_of(&plan, cell)) {
        if let Some(result) = snapshot.result(&sweep, tile.id)? {
            kept.origins.insert(tile.id, origin(result));
        }
    }
    Ok(explain(&plan, situation, &kept, cell.as_ref()))
}

fn origin(result: KeptResult) -> TileOrigin {
    let KeptResult { lease, worker, device, busy, received, .. } = result;
    TileOrigin { worker, device, attempt: lease.attempt, at: received, busy }
}
