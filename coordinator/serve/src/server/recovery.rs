//! A new life of the coordinator, from what the journal holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::actor::{Actor, Shell};
use super::record::{Clock, Running, SweepRecord};
use crate::state::{Recovered, RecoveredSweep, RunningSweep};

impl Actor {
    /// Goes on with the sweeps that run, and knows those that have ended.
    pub(super) fn recover(recovered: Recovered, keep: Option<Duration>, shell: Shell) -> Self {
        let Recovered { coordinator, epoch, sweeps } = recovered;
        let mut actor = Self::new(coordinator, epoch, keep, shell);
        for sweep in sweeps {
            actor.recover_sweep(sweep);
        }
        actor
    }

    fn recover_sweep(&mut self, sweep: RecoveredSweep) {
        let RecoveredSweep { status, submitted, identity, ended, running, .. } = sweep;
        let id = status.sweep.clone();
        let Some(RunningSweep { plan, context, past, model }) = running else {
            let record = SweepRecord::ended(identity, self.next_run(), status, ended);
            self.sweeps.insert(id.clone(), record);
            self.order.push(id);
            return;
        };
        let (done, tiles) = (status.tiles_done, status.tiles_total);
        let span = self.traces.sweep(&id, None);
        span.span.in_scope(|| tracing::info!(done, tiles, "sweep recovered"));
        // Between machines' clocks there may be less than nothing.
        let earlier = SystemTime::now().duration_since(submitted).unwrap_or(Duration::ZERO);
        let running = Running::new(Arc::new(plan), context, model, submitted, Clock::after(earlier), span);
        self.run_sweep(id, status.priority, running, past, BTreeMap::new());
    }
}
