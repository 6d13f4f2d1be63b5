//! A new life of the coordinator, from what the journal holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_schedule::Scheduler;
use tokio::time::Instant;

use super::Actor;
use crate::server::crew::Crew;
use crate::server::ledger::Ledger;
use crate::server::outbound::Outbound;
use crate::server::record::{Clock, Marks, Running};
use crate::server::spans::Traces;
use crate::state::{Recovered, RecoveredSweep, RunningSweep};

impl Actor {
    /// Goes on with the sweeps that run, and knows those that have ended.
    pub(in crate::server) fn recover(
        recovered: Recovered,
        keep: Option<Duration>,
        outbound: Outbound,
        traces: Traces,
    ) -> Self {
        let Recovered { coordinator, epoch, sweeps } = recovered;
        let mut actor = Self {
            scheduler: Scheduler::new(epoch),
            crew: Crew::new(coordinator, epoch),
            ledger: Ledger::default(),
            outbound,
            traces,
            began: Instant::now(),
            keep,
            closing: false,
        };
        for sweep in sweeps {
            actor.recover_sweep(sweep);
        }
        actor
    }

    fn recover_sweep(&mut self, sweep: RecoveredSweep) {
        let RecoveredSweep { status, submitted, identity, arrival, model, ended, running, .. } = sweep;
        let marks = Marks::new(arrival, model);
        let Some(RunningSweep { plan, context, past }) = running else {
            return self.ledger.add_ended(identity, marks, status, ended);
        };
        let id = status.sweep.clone();
        let (done, tiles) = (status.tiles_done, status.tiles_total);
        let span = self.traces.sweep(&id, None);
        span.span.in_scope(|| tracing::info!(done, tiles, "sweep recovered"));
        // Between machines' clocks there may be less than nothing.
        let earlier = SystemTime::now().duration_since(submitted).unwrap_or(Duration::ZERO);
        let running = Running::new(Arc::new(plan), context, submitted, Clock::after(earlier), span);
        self.run_sweep(id, status.priority, marks, running, past, BTreeMap::new());
    }
}
