//! What clients ask to be changed: new sweeps, the end of sweeps, sweeps that go on or are forgotten, workers that leave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_core::check::CheckOf;
use patchsweep_core::ids::{SweepId, TileId, WorkerId};
use patchsweep_core::status::{Priority, SweepStatus};
use patchsweep_plan::Plan;
use patchsweep_proto::v1::{self, coordinator_message};
use patchsweep_schedule::{Event, Past, TileInfo};

use super::Actor;
use crate::server::handle::{NewSweep, Reply, RunId, Submitted};
use crate::server::ledger::Name;
use crate::server::models::key_of_plan;
use crate::server::record::{Clock, Marks, Running};
use crate::server::resumption::Remains;
use crate::server::rpc_errors::RequestError;
use crate::state::{Arrival, Entry, KeptSweep};

/// Old sweeps that are forgotten in one go; the others wait for the next.
const MOST_AT_ONCE: usize = 100;

impl Actor {
    /// Runs a new sweep, or answers with the one that is the same.
    pub(super) fn submit(&mut self, new: NewSweep, reply: Reply<Submitted>) {
        if let Some(CheckOf { sweep, .. }) = &new.plan.check
            && let Err(error) = self.ledger.record(sweep)
        {
            // It was removed while its check was planned.
            return drop(reply.send(Err(error)));
        }
        let id = match self.ledger.name(&new) {
            Name::New(id) => id,
            Name::Known { id, model, unseen_since } => {
                let known = Submitted::Known { id, model, unseen_since };
                return self.outbound.answer(move || drop(reply.send(Ok(known))));
            }
            Name::Undecided => return drop(reply.send(Ok(Submitted::Undecided(Box::new(new))))),
        };
        if let Err(error) = self.outbound.can_store() {
            return drop(reply.send(Err(error)));
        }
        let NewSweep { plan, context, dataset, priority, model, files, computed_by, trace, .. } = new;
        let prompts = plan.context.clean.prompts();
        let multiply_adds = plan.multiply_adds();
        let span = self.traces.sweep(&id, trace);
        let tiles = plan.tiles.len();
        span.span.in_scope(|| tracing::info!(tiles, prompts, multiply_adds, "sweep submitted"));
        let plan = Arc::new(plan);
        let submitted = SystemTime::now();
        let (id_kept, plan_kept, context_kept) = (id.clone(), Arc::clone(&plan), context.clone());
        let arrival = Arrival { epoch: self.crew.epoch(), files: files.map(|files| files.stamp) };
        let kept =
            KeptSweep { id: id_kept, plan: plan_kept, context: context_kept, dataset, priority, submitted, arrival };
        self.outbound.write(Entry::Sweep(Box::new(kept)));
        let marks = Marks::new(arrival, model);
        let running = Running::new(plan, context, submitted, Clock::after(Duration::ZERO), span);
        let avoid = computed_by.into_iter().map(|(tile, name)| (tile, self.crew.sessions(&name))).collect();
        self.run_sweep(id.clone(), priority, marks, running, BTreeMap::new(), avoid);
        self.outbound.answer(move || drop(reply.send(Ok(Submitted::New(id)))));
    }

    /// Gives a sweep to the scheduler.
    pub(super) fn run_sweep(
        &mut self,
        id: SweepId,
        priority: Priority,
        marks: Marks,
        mut running: Running,
        past: BTreeMap<TileId, Past>,
        avoid: BTreeMap<TileId, BTreeSet<WorkerId>>,
    ) {
        let (model, tiles) = (key_of_plan(&running.plan), tile_infos(&running.plan));
        for (&tile, _) in past.iter().filter(|(_, past)| **past == Past::Done) {
            running.recall(tile);
        }
        if running.plan.awaits_choice() {
            self.apply(Event::MoreToCome { sweep: id.clone() });
        }
        self.ledger.begin(id.clone(), priority, marks, running);
        self.apply(Event::Submitted { sweep: id, since: marks.since, model, tiles, priority, past, avoid });
        self.ledger.publish_running(&self.scheduler);
    }

    pub(super) fn cancel(&mut self, sweep: &SweepId, reply: Reply<SweepStatus>) {
        if let Err(error) = self.ledger.record(sweep) {
            return drop(reply.send(Err(error)));
        }
        self.apply(Event::Cancelled { sweep: sweep.clone() });
        self.answer_with_status(sweep, reply, |status| status);
    }

    /// Once everything so far is on disk.
    fn answer_with_status<T: Send + 'static>(
        &mut self,
        sweep: &SweepId,
        reply: Reply<T>,
        answer: impl FnOnce(SweepStatus) -> T + Send + 'static,
    ) {
        let Ok(record) = self.ledger.record(sweep) else { return };
        let status = record.status.subscribe();
        self.outbound.answer(move || drop(reply.send(Ok(answer(status.borrow().clone())))));
    }

    /// Which run of a sweep can be resumed.
    pub(super) fn resumable(&self, sweep: &SweepId) -> Result<RunId, RequestError> {
        let run = self.ledger.resumable(sweep)?;
        self.outbound.can_store()?;
        Ok(run)
    }

    /// Resumes a run, if it still is the sweep's last one.
    pub(super) fn resume(&mut self, run: RunId, remains: Remains, reply: Reply<Option<SweepStatus>>) {
        let sweep = remains.kept.id.clone();
        match self.resumable(&sweep) {
            Ok(last) if last == run => {
                self.go_on(remains);
                self.answer_with_status(&sweep, reply, Some);
            }
            Ok(_) => drop(reply.send(Ok(None))),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn go_on(&mut self, remains: Remains) {
        let Remains { kept, done, failed } = remains;
        let KeptSweep { id, plan, context, priority, submitted, .. } = kept;
        let Ok(record) = self.ledger.record(&id) else { return };
        let (marks, trace) = (record.marks, record.trace);
        let span = self.traces.sweep(&id, trace);
        span.span.in_scope(|| tracing::info!(done = done.len(), tiles = plan.tiles.len(), "sweep resumed"));
        self.outbound.write(Entry::Resumed { sweep: id.clone(), tiles: failed });
        let running = Running::new(plan, context, submitted, Clock::after(Duration::ZERO), span);
        let past = done.into_iter().map(|tile| (tile, Past::Done)).collect();
        self.run_sweep(id, priority, marks, running, past, BTreeMap::new());
    }

    /// Forgets an ended sweep and its checks, which mean nothing without it.
    pub(super) fn remove(&mut self, sweep: &SweepId, reply: Reply<Vec<SweepStatus>>) {
        match self.ledger.removable(sweep).and_then(|sweeps| self.outbound.can_store().map(|()| sweeps)) {
            Ok(sweeps) => {
                let removed = self.forget(sweeps, "a client asked for it");
                self.outbound.answer(move || drop(reply.send(Ok(removed))));
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Forgets the sweeps that ended long enough ago; one whose checks are younger stays with them.
    pub(super) fn remove_old(&mut self) {
        let Some(latest) = self.keep.and_then(|keep| SystemTime::now().checked_sub(keep)) else { return };
        let old: Vec<SweepId> = self.ledger.ended_by(latest).take(MOST_AT_ONCE).cloned().collect();
        for sweep in old {
            // One that is gone already was the check of one before.
            if let Ok(sweeps) = self.ledger.removable(&sweep)
                && self.ledger.have_ended_by(&sweeps, latest)
                && self.outbound.can_store().is_ok()
            {
                self.forget(sweeps, "it ended longer ago than sweeps are kept");
            }
        }
    }

    fn forget(&mut self, sweeps: Vec<SweepId>, reason: &str) -> Vec<SweepStatus> {
        let (removed, entry) = self.ledger.forget(sweeps, reason);
        self.outbound.write(entry);
        removed
    }

    /// Asks a worker to leave in order.
    pub(super) fn drain(&mut self, worker: WorkerId) -> Result<(), RequestError> {
        if !self.crew.has(worker) {
            return Err(RequestError::UnknownWorker(worker));
        }
        tracing::info!(worker = self.crew.name(worker), worker_id = %worker, "draining worker");
        let reason = "drained by a client".to_owned();
        match self.crew.send(worker, coordinator_message::Message::Drain(v1::Drain { reason })) {
            Ok(()) => self.apply(Event::Draining { worker }),
            Err(_) => self.lose(worker),
        }
        Ok(())
    }
}

pub(super) fn tile_infos(plan: &Plan) -> Vec<TileInfo> {
    let info = |(tile, &cost): (&patchsweep_core::tile::Tile, &u64)| TileInfo { iteration: tile.iteration, cost };
    plan.tiles.iter().zip(&plan.costs).map(info).collect()
}
