//! Where a sweep's work is: what the owning task knows, and what the journal holds.

use std::time::Duration;

use patchsweep_core::explain::{SweepExplanation, TileOrigin};
use patchsweep_core::ids::SweepId;
use patchsweep_schedule::Scheduler;

use super::crew::Crew;
use super::handle::Situated;
use super::ledger::Ledger;
use super::record::Choosing;
use super::rpc_errors::RequestError;
use crate::explain::{CellAddress, HeldTile, Kept, Situation, explain, tiles_of};
use crate::state::{KeptResult, Store};

/// How things are with a sweep.
pub(super) fn situation(
    sweep: &SweepId,
    ledger: &Ledger,
    crew: &Crew,
    scheduler: &Scheduler,
    now: Duration,
) -> Result<Box<Situated>, RequestError> {
    let status = ledger.status_now(sweep, scheduler)?;
    let all_running = ledger.records().filter(|(_, record)| record.running.is_some());
    let priorities = all_running.map(|(id, record)| (id.clone(), record.status.borrow().priority)).collect();
    let running = ledger.running(sweep);
    let situation = Situation {
        status,
        workers: crew.statuses(scheduler.workers(), now, |lease| ledger.tile_name(lease)),
        unfit: scheduler.unfit_workers(sweep),
        held: held(sweep, crew, scheduler, now),
        priorities,
        choosing: running.and_then(|running| running.choosing.as_ref()).map(Choosing::explained),
    };
    let plan = running.map(|running| running.plan.clone());
    Ok(Box::new(Situated { situation, plan }))
}

fn held(sweep: &SweepId, crew: &Crew, scheduler: &Scheduler, now: Duration) -> Vec<HeldTile> {
    let mut tiles = Vec::new();
    for view in scheduler.workers() {
        for held in view.leases.iter().filter(|held| !held.revoked && held.lease.sweep == *sweep) {
            tiles.push(HeldTile {
                tile: held.lease.tile,
                worker: crew.name(view.worker),
                attempt: held.lease.attempt,
                since: now.saturating_sub(held.since),
            });
        }
    }
    tiles
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
    let KeptResult { lease, worker, device, completed, received, .. } = result;
    TileOrigin { worker, device, attempt: lease.attempt, at: received, busy: completed.busy }
}
