//! `SweepStatus`, `GridProgress` and `PlanOptions`.

use super::WireError;
use super::state::{sweep_state_from_wire, sweep_state_to_wire};
use super::time::{from_milliseconds, from_unix_milliseconds, milliseconds, unix_milliseconds};
use crate::v1;
use patchsweep_core::ids::SweepId;
use patchsweep_core::status::{GridProgress, PlanOptions, Priority, SweepState, SweepStatus};

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
            check_of: status.check_of.as_ref().map(|sweep| sweep.0.clone()).unwrap_or_default(),
            grids: status.grids.iter().map(Into::into).collect(),
            submitted_unix_ms: unix_milliseconds(status.submitted),
            elapsed_ms: milliseconds(status.elapsed),
            multiply_adds_per_second: status.multiply_adds_per_second.unwrap_or(0),
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
            check_of: Some(wire.check_of).filter(|sweep| !sweep.is_empty()).map(SweepId),
            grids: wire.grids.into_iter().map(Into::into).collect(),
            submitted: from_unix_milliseconds(wire.submitted_unix_ms, "SweepStatus", "submitted_unix_ms")?,
            elapsed: from_milliseconds(wire.elapsed_ms),
            multiply_adds_per_second: Some(wire.multiply_adds_per_second).filter(|&rate| rate > 0),
        })
    }
}

impl From<&GridProgress> for v1::GridProgress {
    fn from(progress: &GridProgress) -> Self {
        Self {
            name: progress.name.clone(),
            cells_total: progress.cells_total,
            cells_noop: progress.cells_noop,
            cells_done: progress.cells_done,
            tiles_total: progress.tiles_total,
            tiles_done: progress.tiles_done,
            multiply_adds_total: progress.multiply_adds_total,
            multiply_adds_done: progress.multiply_adds_done,
        }
    }
}

impl From<v1::GridProgress> for GridProgress {
    fn from(wire: v1::GridProgress) -> Self {
        Self {
            name: wire.name,
            cells_total: wire.cells_total,
            cells_noop: wire.cells_noop,
            cells_done: wire.cells_done,
            tiles_total: wire.tiles_total,
            tiles_done: wire.tiles_done,
            multiply_adds_total: wire.multiply_adds_total,
            multiply_adds_done: wire.multiply_adds_done,
        }
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

impl From<PlanOptions> for v1::PlanOptions {
    fn from(options: PlanOptions) -> Self {
        Self {
            tile_multiply_adds: options.tile_multiply_adds.unwrap_or(0),
            tile_prompts: options.tile_prompts.unwrap_or(0),
            for_gpus: options.for_gpus,
        }
    }
}

impl From<v1::PlanOptions> for PlanOptions {
    fn from(wire: v1::PlanOptions) -> Self {
        Self {
            tile_multiply_adds: Some(wire.tile_multiply_adds).filter(|&n| n > 0),
            tile_prompts: Some(wire.tile_prompts).filter(|&n| n > 0),
            for_gpus: wire.for_gpus,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn status() -> SweepStatus {
        SweepStatus {
            sweep: SweepId("s".into()),
            name: "n".into(),
            state: SweepState::Running,
            tiles_total: 4,
            tiles_done: 1,
            tiles_leased: 2,
            multiply_adds_total: 1000,
            multiply_adds_done: 400,
            workers: 3,
            cells_total: 10,
            cells_noop: 2,
            tiles_failed: 1,
            priority: Priority::default(),
            results_dropped: 5,
            check_of: Some(SweepId("checked".into())),
            waiting: Some("no worker is connected".into()),
            grids: vec![GridProgress {
                name: "z".into(),
                cells_total: 10,
                cells_noop: 2,
                cells_done: 3,
                tiles_total: 4,
                tiles_done: 1,
                multiply_adds_total: 1000,
                multiply_adds_done: 400,
            }],
            submitted: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
            elapsed: Duration::from_secs(7),
            multiply_adds_per_second: Some(200),
        }
    }

    #[test]
    fn a_status_comes_back_as_it_was() {
        let sent = status();
        assert_eq!(SweepStatus::try_from(v1::SweepStatus::from(&sent)), Ok(sent.clone()));
        let quiet = SweepStatus { multiply_adds_per_second: None, waiting: None, ..sent };
        assert_eq!(SweepStatus::try_from(v1::SweepStatus::from(&quiet)), Ok(quiet));
    }

    #[test]
    fn what_remains_follows_from_multiply_adds_and_not_from_tiles() {
        assert_eq!(status().remaining(), Some(Duration::from_secs(3)));
        let unknown = SweepStatus { multiply_adds_per_second: None, ..status() };
        assert_eq!(unknown.remaining(), None);
        let ended = SweepStatus { state: SweepState::Cancelled, ..status() };
        assert_eq!(ended.remaining(), None);
    }

    #[test]
    fn a_time_that_no_clock_can_show_is_refused() {
        let late = v1::SweepStatus { submitted_unix_ms: u64::MAX, ..v1::SweepStatus::from(&status()) };
        let refused = SweepStatus::try_from(late).expect_err("is refused").to_string();
        assert!(refused.contains("`submitted_unix_ms`"), "{refused}");
    }
}
