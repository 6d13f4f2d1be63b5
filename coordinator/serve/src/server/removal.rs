//! Ended sweeps that are forgotten, by request or after a time.

use std::time::SystemTime;

use patchsweep_core::ids::SweepId;
use patchsweep_core::status::SweepStatus;

use super::actor::Actor;
use super::handle::Reply;
use super::record::SweepRecord;
use super::rpc_errors::RequestError;
use crate::state::Entry;

/// Old sweeps that are looked at in one go; the others are left for the next.
const MOST_AT_ONCE: usize = 100;

impl Actor {
    /// Forgets an ended sweep and its checks, which mean nothing without it.
    pub(super) fn remove(&mut self, sweep: &SweepId, reply: Reply<Vec<SweepStatus>>) {
        match self.removable(sweep) {
            Ok(sweeps) => {
                let removed = self.forget(sweeps, "a client asked for it");
                self.promise_answer(move || drop(reply.send(Ok(removed))));
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Forgets the sweeps that ended long enough ago; one whose checks are younger stays with them.
    pub(super) fn remove_old(&mut self) {
        let Some(latest) = self.keep.and_then(|keep| SystemTime::now().checked_sub(keep)) else { return };
        let is_old = |record: &SweepRecord| record.has_ended() && record.ended.is_some_and(|ended| ended <= latest);
        let are_old = |actor: &Self, ids: &[SweepId]| ids.iter().all(|id| actor.sweeps.get(id).is_some_and(is_old));
        let old = self.order.iter().filter(|id| are_old(self, std::slice::from_ref(id)));
        for sweep in old.take(MOST_AT_ONCE).cloned().collect::<Vec<_>>() {
            // One that is gone already was the check of one before.
            if let Ok(sweeps) = self.removable(&sweep)
                && are_old(self, &sweeps)
            {
                self.forget(sweeps, "it ended longer ago than sweeps are kept");
            }
        }
    }

    /// The sweep behind its checks, all of which have ended.
    fn removable(&self, sweep: &SweepId) -> Result<Vec<SweepId>, RequestError> {
        if !self.record(sweep)?.has_ended() {
            return Err(RequestError::StillRunning { sweep: sweep.clone() });
        }
        let is_check = |record: &SweepRecord| record.status.borrow().check_of.as_ref() == Some(sweep);
        let mut sweeps = Vec::new();
        for id in &self.order {
            let Some(check) = self.sweeps.get(id).filter(|record| is_check(record)) else { continue };
            if !check.has_ended() {
                return Err(RequestError::CheckRunning { sweep: sweep.clone(), check: id.clone() });
            }
            sweeps.push(id.clone());
        }
        sweeps.push(sweep.clone());
        match self.journal.stalled() {
            Some(reason) => Err(RequestError::CannotStore { reason }),
            None => Ok(sweeps),
        }
    }

    fn forget(&mut self, sweeps: Vec<SweepId>, reason: &str) -> Vec<SweepStatus> {
        let removed: Vec<SweepRecord> = sweeps.iter().filter_map(|id| self.sweeps.remove(id)).collect();
        self.order.retain(|id| !sweeps.contains(id));
        self.removed.extend(sweeps.iter().cloned());
        for sweep in &sweeps {
            tracing::info!(%sweep, reason, "sweep removed");
        }
        let is_idle = self.sweeps.values().all(|record| record.running.is_none());
        self.journal.write(Entry::Removed { sweeps, is_idle });
        removed.into_iter().map(|record| record.status.borrow().clone()).collect()
    }
}
