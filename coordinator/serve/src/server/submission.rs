//! New sweeps, and sweeps that are ended by clients.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_core::check::CheckOf;
use patchsweep_core::ids::{SweepId, TileId, WorkerId};
use patchsweep_core::status::{Priority, SweepState, SweepStatus};
use patchsweep_plan::Plan;
use patchsweep_schedule::{Event, Past, TileInfo};

use super::actor::Actor;
use super::handle::{NewSweep, Reply, RunId};
use super::models::key_of_plan;
use super::record::{Clock, Running, SweepRecord};
use super::rpc_errors::RequestError;
use crate::state::{Entry, KeptSweep};

impl Actor {
    /// The same plan under the same names is the same sweep, unless that one ended without all its scores.
    pub(super) fn submit(&mut self, new: NewSweep, reply: Reply<(SweepId, bool)>) {
        if let Some(CheckOf { sweep, .. }) = &new.plan.check
            && let Err(error) = self.record(sweep)
        {
            // It was removed while its check was planned.
            return drop(reply.send(Err(error)));
        }
        let (id, known) = self.sweep_id(&new);
        if known {
            return self.promise_answer(move || drop(reply.send(Ok((id, false)))));
        }
        if let Some(reason) = self.journal.stalled() {
            return drop(reply.send(Err(RequestError::CannotStore { reason })));
        }
        let NewSweep { plan, context, dataset, priority, model, computed_by, trace, .. } = new;
        let prompts = plan.context.clean.prompts();
        let multiply_adds = plan.multiply_adds();
        let span = self.traces.sweep(&id, trace);
        let tiles = plan.tiles.len();
        span.span.in_scope(|| tracing::info!(tiles, prompts, multiply_adds, "sweep submitted"));
        let plan = Arc::new(plan);
        let submitted = SystemTime::now();
        let (id_kept, plan_kept, context_kept) = (id.clone(), Arc::clone(&plan), context.clone());
        let kept = KeptSweep { id: id_kept, plan: plan_kept, context: context_kept, dataset, priority, submitted };
        self.journal.write(Entry::Sweep(Box::new(kept)));
        let running = Running::new(plan, context, model, submitted, Clock::after(Duration::ZERO), span);
        let avoid = self.sessions(computed_by);
        self.run_sweep(id.clone(), priority, running, BTreeMap::new(), avoid);
        self.promise_answer(move || drop(reply.send(Ok((id, true)))));
    }

    /// An id for a plan, and whether it is that of a sweep that there is.
    fn sweep_id(&self, new: &NewSweep) -> (SweepId, bool) {
        let identity = new.plan.identity();
        let stem = format!("{}-{}", slug(&new.plan.name), &new.plan.digest.to_hex()[..6]);
        let mut id = SweepId(stem.clone());
        let mut number = 1;
        while self.sweeps.contains_key(&id) || self.removed.contains(&id) {
            let useful = self.sweeps.get(&id).is_some_and(|record| {
                let state = &record.status.borrow().state;
                record.identity == identity && matches!(state, SweepState::Running | SweepState::Done)
            });
            if useful && !new.always_new {
                return (id, true);
            }
            number += 1;
            id = SweepId(format!("{stem}-{number}"));
        }
        (id, false)
    }

    /// Sessions of the workers that these names are of.
    fn sessions(&self, names: BTreeMap<TileId, String>) -> BTreeMap<TileId, BTreeSet<WorkerId>> {
        let of_name = |name: &str| -> BTreeSet<WorkerId> {
            self.workers.iter().filter(|(_, connected)| connected.name == name).map(|(&worker, _)| worker).collect()
        };
        names.into_iter().map(|(tile, name)| (tile, of_name(&name))).collect()
    }

    /// Gives a sweep to the scheduler.
    pub(super) fn run_sweep(
        &mut self,
        id: SweepId,
        priority: Priority,
        mut running: Running,
        past: BTreeMap<TileId, Past>,
        avoid: BTreeMap<TileId, BTreeSet<WorkerId>>,
    ) {
        let (model, tiles) = (key_of_plan(&running.plan), tile_infos(&running.plan));
        for (&tile, _) in past.iter().filter(|(_, past)| **past == Past::Done) {
            running.recall(tile);
        }
        let record = SweepRecord::running(id.clone(), self.next_run(), priority, running);
        if let Some(known) = self.sweeps.get_mut(&id) {
            // Those who watch it go on watching.
            let status = record.status.borrow().clone();
            (known.running, known.tolerance, known.trace) = (record.running, record.tolerance, record.trace);
            (known.run, known.ended) = (record.run, None);
            known.publish(status);
        } else {
            self.sweeps.insert(id.clone(), record);
            self.order.push(id.clone());
        }
        self.apply(Event::Submitted { sweep: id, model, tiles, priority, past, avoid });
        self.publish_running();
    }

    pub(super) fn cancel(&mut self, sweep: &SweepId, reply: Reply<SweepStatus>) {
        if let Err(error) = self.record(sweep) {
            return drop(reply.send(Err(error)));
        }
        self.apply(Event::Cancelled { sweep: sweep.clone() });
        self.answer_with_status(sweep, reply, |status| status);
    }

    /// Once everything so far is on disk.
    pub(super) fn answer_with_status<T: Send + 'static>(
        &mut self,
        sweep: &SweepId,
        reply: Reply<T>,
        answer: impl FnOnce(SweepStatus) -> T + Send + 'static,
    ) {
        let Ok(record) = self.record(sweep) else { return };
        let status = record.status.subscribe();
        self.promise_answer(move || drop(reply.send(Ok(answer(status.borrow().clone())))));
    }

    /// A number that no other run of a sweep has.
    pub(super) fn next_run(&mut self) -> RunId {
        self.last_run += 1;
        RunId(self.last_run)
    }
}

fn tile_infos(plan: &Plan) -> Vec<TileInfo> {
    let info = |(tile, &cost): (&patchsweep_core::tile::Tile, &u64)| TileInfo { iteration: tile.iteration, cost };
    plan.tiles.iter().zip(&plan.costs).map(info).collect()
}

/// A name as it can stand in a shell: letters, digits and dashes.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.trim().chars().map(plain).collect()
}
