//! `SweepStatus` and `PlanOptions`.

use super::WireError;
use crate::ids::SweepId;
use crate::status::{PlanOptions, SweepState, SweepStatus};
use crate::v1;

impl From<&SweepStatus> for v1::SweepStatus {
    fn from(status: &SweepStatus) -> Self {
        let (state, reason) = match &status.state {
            SweepState::Running => (v1::SweepState::Running, String::new()),
            SweepState::Done => (v1::SweepState::Done, String::new()),
            SweepState::Failed { reason } => (v1::SweepState::Failed, reason.clone()),
            SweepState::Cancelled => (v1::SweepState::Cancelled, String::new()),
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
        }
    }
}

impl TryFrom<v1::SweepStatus> for SweepStatus {
    type Error = WireError;

    fn try_from(wire: v1::SweepStatus) -> Result<Self, WireError> {
        let state = match wire.state() {
            v1::SweepState::Unspecified => {
                return Err(WireError::Missing { message: "SweepStatus", field: "state" });
            }
            v1::SweepState::Running => SweepState::Running,
            v1::SweepState::Done => SweepState::Done,
            v1::SweepState::Failed => SweepState::Failed { reason: wire.reason },
            v1::SweepState::Cancelled => SweepState::Cancelled,
        };
        Ok(Self {
            sweep: SweepId(wire.sweep_id),
            name: wire.name,
            state,
            tiles_total: wire.tiles_total,
            tiles_done: wire.tiles_done,
            tiles_leased: wire.tiles_leased,
            multiply_adds_total: wire.multiply_adds_total,
            multiply_adds_done: wire.multiply_adds_done,
            workers: wire.workers,
            cells_total: wire.cells_total,
            cells_noop: wire.cells_noop,
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
