//! `SweepStatus`, `WorkerStatus` and `PlanOptions`.

use std::time::Duration;

use super::WireError;
use super::state::{sweep_state_from_wire, sweep_state_to_wire};
use crate::ids::{SweepId, WorkerId};
use crate::status::{PlanOptions, Priority, SweepState, SweepStatus};
use crate::v1;
use crate::workers::{WorkerState, WorkerStatus};

impl From<&SweepStatus> for v1::SweepStatus {
    fn from(status: &SweepStatus) -> Self {
        let (state, reason) = sweep_state_to_wire(&status.state);
        let reason = match &status.state {
            SweepState::Running => status.waiting.clone().unwrap_or_default(),
            _ => reason,
        };
        Self {
            sweep_id: status.sweep.0.clone(),
            name: status.name.clone(),
            state: state.into(),
            reason,
            tiles_total: status.tiles_total,
            tiles_done: status.tiles_done,
            tiles_leased: status.tiles_leased,
            multiply_adds_total: status.multiply_adds_total,
            multiply_adds_done: status.multiply_adds_done,
            workers: status.workers,
            cells_total: status.cells_total,
            cells_noop: status.cells_noop,
            tiles_failed: status.tiles_failed,
            priority: status.priority.get().into(),
            results_dropped: status.results_dropped,
        }
    }
}

impl TryFrom<v1::SweepStatus> for SweepStatus {
    type Error = WireError;

    fn try_from(wire: v1::SweepStatus) -> Result<Self, WireError> {
        let state = sweep_state_from_wire(wire.state(), &wire.reason, "SweepStatus")?;
        let waiting = Some(wire.reason).filter(|reason| state == SweepState::Running && !reason.is_empty());
        Ok(Self {
            sweep: SweepId(wire.sweep_id),
            name: wire.name,
            state,
            waiting,
            tiles_total: wire.tiles_total,
            tiles_done: wire.tiles_done,
            tiles_leased: wire.tiles_leased,
            multiply_adds_total: wire.multiply_adds_total,
            multiply_adds_done: wire.multiply_adds_done,
            workers: wire.workers,
            cells_total: wire.cells_total,
            cells_noop: wire.cells_noop,
            tiles_failed: wire.tiles_failed,
            priority: priority_from_wire(wire.priority, "SweepStatus")?,
            results_dropped: wire.results_dropped,
        })
    }
}

/// 0 stands for the default.
pub fn priority_from_wire(priority: u32, message: &'static str) -> Result<Priority, WireError> {
    if priority == 0 {
        return Ok(Priority::default());
    }
    let share = u8::try_from(priority).ok().and_then(Priority::new);
    share.ok_or_else(|| WireError::invalid(message, "priority", format!("{priority} is not 1 to {}", Priority::MAX)))
}

impl From<&WorkerStatus> for v1::WorkerStatus {
    fn from(status: &WorkerStatus) -> Self {
        let (state, reason) = match &status.state {
            WorkerState::Active => (v1::WorkerState::Active, String::new()),
            WorkerState::Leaving => (v1::WorkerState::Leaving, String::new()),
            WorkerState::Stuck => (v1::WorkerState::Stuck, String::new()),
            WorkerState::Quarantined { reason } => (v1::WorkerState::Quarantined, reason.clone()),
        };
        Self {
            worker_id: status.worker.0,
            name: status.name.clone(),
            device: status.device.clone(),
            state: state.into(),
            reason,
            leases: status.leases.iter().map(Into::into).collect(),
            tiles_done: status.tiles_done,
            multiply_adds_per_second: status.multiply_adds_per_second.unwrap_or(0),
            silent_ms: u64::try_from(status.silent.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl TryFrom<v1::WorkerStatus> for WorkerStatus {
    type Error = WireError;

    fn try_from(wire: v1::WorkerStatus) -> Result<Self, WireError> {
        let state = match wire.state() {
            v1::WorkerState::Unspecified => {
                return Err(WireError::Missing { message: "WorkerStatus", field: "state" });
            }
            v1::WorkerState::Active => WorkerState::Active,
            v1::WorkerState::Leaving => WorkerState::Leaving,
            v1::WorkerState::Stuck => WorkerState::Stuck,
            v1::WorkerState::Quarantined => WorkerState::Quarantined { reason: wire.reason },
        };
        Ok(Self {
            worker: WorkerId(wire.worker_id),
            name: wire.name,
            device: wire.device,
            state,
            leases: wire.leases.into_iter().map(Into::into).collect(),
            tiles_done: wire.tiles_done,
            multiply_adds_per_second: Some(wire.multiply_adds_per_second).filter(|&rate| rate > 0),
            silent: Duration::from_millis(wire.silent_ms),
        })
    }
}

impl From<PlanOptions> for v1::PlanOptions {
    fn from(options: PlanOptions) -> Self {
        Self {
            tile_multiply_adds: options.tile_multiply_adds.unwrap_or(0),
            tile_prompts: options.tile_prompts.unwrap_or(0),
        }
    }
}

impl From<v1::PlanOptions> for PlanOptions {
    fn from(wire: v1::PlanOptions) -> Self {
        Self {
            tile_multiply_adds: Some(wire.tile_multiply_adds).filter(|&n| n > 0),
            tile_prompts: Some(wire.tile_prompts).filter(|&n| n > 0),
        }
    }
}
