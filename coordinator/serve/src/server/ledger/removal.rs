//! Which ended sweeps can be resumed, and which forgotten.

use std::time::SystemTime;

use patchsweep_core::ids::SweepId;
use patchsweep_core::status::{SweepState, SweepStatus};

use super::Ledger;
use crate::server::handle::RunId;
use crate::server::record::SweepRecord;
use crate::server::rpc_errors::RequestError;
use crate::state::Entry;

impl Ledger {
    /// Which run of a sweep can be resumed: all that became of it is on disk, as clients have heard of its end.
    pub(in crate::server) fn resumable(&self, sweep: &SweepId) -> Result<RunId, RequestError> {
        let record = self.record(sweep)?;
        let state = record.status.borrow().state.clone();
        let lacks_scores =
            matches!(state, SweepState::Partial { .. } | SweepState::Failed { .. } | SweepState::Cancelled);
        if !record.has_ended() || !lacks_scores {
            return Err(RequestError::NothingToResume { sweep: sweep.clone(), state: state.name() });
        }
        Ok(record.run)
    }

    /// The sweep behind its checks, all of which have ended.
    pub(in crate::server) fn removable(&self, sweep: &SweepId) -> Result<Vec<SweepId>, RequestError> {
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
        Ok(sweeps)
    }

    /// Sweeps that ended by then, oldest first.
    pub(in crate::server) fn ended_by(&self, latest: SystemTime) -> impl Iterator<Item = &SweepId> {
        self.order.iter().filter(move |id| self.have_ended_by(std::slice::from_ref(id), latest))
    }

    /// Whether all of these ended by then.
    pub(in crate::server) fn have_ended_by(&self, sweeps: &[SweepId], latest: SystemTime) -> bool {
        let is_old = |record: &SweepRecord| record.has_ended() && record.ended.is_some_and(|ended| ended <= latest);
        sweeps.iter().all(|id| self.sweeps.get(id).is_some_and(is_old))
    }

    /// Forgets ended sweeps; the entry is for the journal.
    pub(in crate::server) fn forget(&mut self, sweeps: Vec<SweepId>, reason: &str) -> (Vec<SweepStatus>, Entry) {
        let removed: Vec<SweepRecord> = sweeps.iter().filter_map(|id| self.sweeps.remove(id)).collect();
        self.order.retain(|id| !sweeps.contains(id));
        self.removed.extend(sweeps.iter().cloned());
        for sweep in &sweeps {
            tracing::info!(%sweep, reason, "sweep removed");
        }
        let is_idle = self.sweeps.values().all(|record| record.running.is_none());
        let statuses = removed.into_iter().map(|record| record.status.borrow().clone()).collect();
        (statuses, Entry::Removed { sweeps, is_idle })
    }
}
