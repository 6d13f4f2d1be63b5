//! How things stand, for metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use patchsweep_core::status::SweepStatus;
use patchsweep_schedule::Scheduler;

use super::ledger::Ledger;
use super::outbound::Outbound;
use crate::telemetry;

/// How often the gauges are set.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// Sets them all.
pub(super) fn set(ledger: &Ledger, scheduler: &Scheduler, outbound: &Outbound) {
    let mut sweeps = BTreeMap::new();
    let (mut leased, mut waiting, mut left) = (0, 0, 0);
    for (_, record) in ledger.records() {
        let status = record.status.borrow();
        *sweeps.entry(status.state.name()).or_insert(0) += 1;
        if record.running.is_some() {
            leased += u64::from(status.tiles_leased);
            waiting += tiles_waiting(&status);
            left += status.multiply_adds_total.saturating_sub(status.multiply_adds_done);
        }
    }
    let mut workers = BTreeMap::new();
    for worker in scheduler.workers() {
        *workers.entry(worker.state.name()).or_insert(0) += 1;
    }
    telemetry::BUILD.set(&[env!("CARGO_PKG_VERSION")], 1);
    for (metric, counts) in [(&telemetry::SWEEPS, &sweeps), (&telemetry::WORKERS, &workers)] {
        for state in metric.labels[0].1 {
            metric.set(&[state], counts.get(state).copied().unwrap_or(0));
        }
    }
    telemetry::TILES_LEASED.set(&[], leased);
    telemetry::TILES_WAITING.set(&[], waiting);
    telemetry::RUNNING_MULTIPLY_ADDS_LEFT.set(&[], left);
    telemetry::WAITING_BYTES.set(&[], outbound.waiting_bytes() as u64);
    telemetry::COMMITS_STALLED.set(&[], outbound.is_stalled().into());
}

fn tiles_waiting(status: &SweepStatus) -> u64 {
    let taken = [status.tiles_done, status.tiles_leased, status.tiles_failed];
    taken.iter().fold(status.tiles_total, |left, taken| left.saturating_sub(*taken)).into()
}
