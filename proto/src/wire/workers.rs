//! `WorkerStatus`.

use super::time::{from_milliseconds, milliseconds};
use super::{WireError, required};
use crate::v1;
use patchsweep_core::ids::WorkerId;
use patchsweep_core::model::LoadedModel;
use patchsweep_core::scores::{CacheStats, MemoryUse};
use patchsweep_core::workers::{InHand, WorkerState, WorkerStatus};

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
            silent_ms: milliseconds(status.silent),
            version: status.version.clone(),
            cache: Some(status.cache.into()),
            memory: Some(status.memory.into()),
            hand: status.hand.as_ref().map(Into::into),
            loaded: status.loaded.iter().map(Into::into).collect(),
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
            silent: from_milliseconds(wire.silent_ms),
            version: wire.version,
            cache: wire.cache.map(CacheStats::from).unwrap_or_default(),
            memory: wire.memory.map(MemoryUse::from).unwrap_or_default(),
            hand: wire.hand.map(InHand::try_from).transpose()?,
            loaded: wire.loaded.into_iter().map(LoadedModel::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&InHand> for v1::InHand {
    fn from(hand: &InHand) -> Self {
        Self {
            lease: Some((&hand.lease).into()),
            grid: hand.grid.clone(),
            iteration: hand.iteration.clone(),
            since_ms: milliseconds(hand.since),
            retries: hand.retries,
        }
    }
}

impl TryFrom<v1::InHand> for InHand {
    type Error = WireError;

    fn try_from(wire: v1::InHand) -> Result<Self, WireError> {
        Ok(Self {
            lease: required(wire.lease, "InHand", "lease")?.into(),
            grid: wire.grid,
            iteration: wire.iteration,
            since: from_milliseconds(wire.since_ms),
            retries: wire.retries,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use patchsweep_core::ids::{Attempt, Epoch, Lease, SweepId, TileId};
    use patchsweep_core::model::{Dtype, ModelRef};

    #[test]
    fn a_worker_comes_back_as_it_was_with_what_it_has_in_hand() {
        let lease = Lease { epoch: Epoch(1), sweep: SweepId("s".into()), tile: TileId(3), attempt: Attempt(2) };
        let sent = WorkerStatus {
            worker: WorkerId(4),
            name: "host:1".into(),
            device: "cuda:0".into(),
            state: WorkerState::Quarantined { reason: "it failed".into() },
            leases: vec![lease.clone()],
            tiles_done: 5,
            multiply_adds_per_second: Some(6),
            silent: Duration::from_millis(70),
            version: "0.1.0".into(),
            cache: CacheStats { hits: 1, misses: 2, evictions: 3, bytes: 4, budget_bytes: 5 },
            memory: MemoryUse { used: 8, budget: 9 },
            hand: Some(InHand {
                lease,
                grid: "z".into(),
                iteration: "Iteration 0".into(),
                since: Duration::from_millis(1500),
                retries: 2,
            }),
            loaded: vec![LoadedModel { model: ModelRef::Folder("m".into()), dtype: Dtype::Float16 }],
        };
        assert_eq!(WorkerStatus::try_from(v1::WorkerStatus::from(&sent)), Ok(sent.clone()));
        let mut nothing = v1::WorkerStatus::from(&WorkerStatus { hand: None, ..sent });
        assert_eq!(WorkerStatus::try_from(nothing.clone()).map(|worker| worker.hand), Ok(None));
        nothing.hand = Some(v1::InHand::default());
        let refused = WorkerStatus::try_from(nothing).expect_err("no lease");
        assert!(refused.to_string().contains("`lease`"), "{refused}");
    }
}
