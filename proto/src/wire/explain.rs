//! `SweepExplanation` and what it is made of.

use super::time::{from_milliseconds, from_unix_milliseconds, milliseconds, unix_milliseconds};
use super::{WireError, range_from_wire, range_to_wire, required};
use crate::v1;
use patchsweep_core::explain::{
    CellExplanation, FailureGroup, SweepExplanation, TileAttempt, TileExplanation, TileHolder, TileOrigin, TileState,
};
use patchsweep_core::ids::{Attempt, TileId};

impl From<&SweepExplanation> for v1::SweepExplanation {
    fn from(explanation: &SweepExplanation) -> Self {
        Self {
            status: Some((&explanation.status).into()),
            idle_because: explanation.idle_because.clone(),
            streaming: explanation.streaming.clone(),
            failures: explanation.failures.iter().map(Into::into).collect(),
            cell: explanation.cell.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<v1::SweepExplanation> for SweepExplanation {
    type Error = WireError;

    fn try_from(wire: v1::SweepExplanation) -> Result<Self, WireError> {
        Ok(Self {
            status: required(wire.status, "SweepExplanation", "status")?.try_into()?,
            idle_because: wire.idle_because,
            streaming: wire.streaming,
            failures: wire.failures.into_iter().map(Into::into).collect(),
            cell: wire.cell.map(CellExplanation::try_from).transpose()?,
        })
    }
}

impl From<&FailureGroup> for v1::FailureGroup {
    fn from(group: &FailureGroup) -> Self {
        Self {
            reason: group.reason.clone(),
            attempts: group.attempts,
            tiles: group.tiles.iter().map(|tile| tile.0).collect(),
            tiles_given_up: group.tiles_given_up,
            workers: group.workers.clone(),
        }
    }
}

impl From<v1::FailureGroup> for FailureGroup {
    fn from(wire: v1::FailureGroup) -> Self {
        Self {
            reason: wire.reason,
            attempts: wire.attempts,
            tiles: wire.tiles.into_iter().map(TileId).collect(),
            tiles_given_up: wire.tiles_given_up,
            workers: wire.workers,
        }
    }
}

impl From<&CellExplanation> for v1::CellExplanation {
    fn from(cell: &CellExplanation) -> Self {
        Self {
            grid: cell.grid.clone(),
            iteration: cell.iteration.clone(),
            axes: cell.axes.clone(),
            indices: cell.indices.clone(),
            names: cell.names.iter().map(|name| name.clone().unwrap_or_default()).collect(),
            writes: cell.writes.clone(),
            noop: cell.noop.clone().unwrap_or_default(),
            noop_prompts: cell.noop_prompts,
            estimate: cell.estimate.clone().unwrap_or_default(),
            activity: cell.activity.clone().unwrap_or_default(),
            tiles: cell.tiles.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::CellExplanation> for CellExplanation {
    type Error = WireError;

    fn try_from(wire: v1::CellExplanation) -> Result<Self, WireError> {
        if wire.axes.len() != wire.indices.len() {
            return Err(WireError::invalid("CellExplanation", "indices", "not one per axis"));
        }
        if wire.axes.len() != wire.names.len() {
            return Err(WireError::invalid("CellExplanation", "names", "not one per axis"));
        }
        Ok(Self {
            grid: wire.grid,
            iteration: wire.iteration,
            axes: wire.axes,
            indices: wire.indices,
            names: wire.names.into_iter().map(|name| Some(name).filter(|name| !name.is_empty())).collect(),
            writes: wire.writes,
            noop: Some(wire.noop).filter(|reason| !reason.is_empty()),
            noop_prompts: wire.noop_prompts,
            estimate: Some(wire.estimate).filter(|words| !words.is_empty()),
            activity: Some(wire.activity).filter(|words| !words.is_empty()),
            tiles: wire.tiles.into_iter().map(TileExplanation::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&TileExplanation> for v1::TileExplanation {
    fn from(tile: &TileExplanation) -> Self {
        let (state, holders, result) = match &tile.state {
            TileState::Waiting => (v1::TileState::Waiting, &[][..], None),
            TileState::Leased(holders) => (v1::TileState::Leased, holders.as_slice(), None),
            TileState::Done(origin) => (v1::TileState::Done, &[][..], Some(origin.into())),
            TileState::GivenUp => (v1::TileState::GivenUp, &[][..], None),
            TileState::Left => (v1::TileState::Left, &[][..], None),
        };
        Self {
            tile_id: tile.tile.0,
            prompts: Some(range_to_wire(&tile.prompts)),
            cells: tile.cells,
            state: state.into(),
            holders: holders.iter().map(Into::into).collect(),
            result,
            attempts: tile.attempts.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::TileExplanation> for TileExplanation {
    type Error = WireError;

    fn try_from(wire: v1::TileExplanation) -> Result<Self, WireError> {
        const MESSAGE: &str = "TileExplanation";
        let state = match wire.state() {
            v1::TileState::Unspecified => return Err(WireError::Missing { message: MESSAGE, field: "state" }),
            v1::TileState::Waiting => TileState::Waiting,
            v1::TileState::Leased => TileState::Leased(wire.holders.into_iter().map(Into::into).collect()),
            v1::TileState::Done => TileState::Done(required(wire.result, MESSAGE, "result")?.try_into()?),
            v1::TileState::GivenUp => TileState::GivenUp,
            v1::TileState::Left => TileState::Left,
        };
        Ok(Self {
            tile: TileId(wire.tile_id),
            prompts: range_from_wire(required(wire.prompts, MESSAGE, "prompts")?, MESSAGE, "prompts")?,
            cells: wire.cells,
            state,
            attempts: wire.attempts.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<&TileHolder> for v1::TileHolder {
    fn from(holder: &TileHolder) -> Self {
        Self { worker: holder.worker.clone(), attempt: holder.attempt.0, since_ms: milliseconds(holder.since) }
    }
}

impl From<v1::TileHolder> for TileHolder {
    fn from(wire: v1::TileHolder) -> Self {
        Self { worker: wire.worker, attempt: Attempt(wire.attempt), since: from_milliseconds(wire.since_ms) }
    }
}

impl From<&TileOrigin> for v1::TileResultOrigin {
    fn from(origin: &TileOrigin) -> Self {
        Self {
            worker: origin.worker.clone(),
            device: origin.device.clone(),
            attempt: origin.attempt.0,
            unix_ms: unix_milliseconds(origin.at),
            busy_ms: milliseconds(origin.busy),
        }
    }
}

impl TryFrom<v1::TileResultOrigin> for TileOrigin {
    type Error = WireError;

    fn try_from(wire: v1::TileResultOrigin) -> Result<Self, WireError> {
        let at = from_unix_milliseconds(wire.unix_ms, "TileResultOrigin", "unix_ms")?;
        let busy = from_milliseconds(wire.busy_ms);
        Ok(Self { worker: wire.worker, device: wire.device, attempt: Attempt(wire.attempt), at, busy })
    }
}

impl From<&TileAttempt> for v1::TileAttempt {
    fn from(attempt: &TileAttempt) -> Self {
        Self { attempt: attempt.attempt.0, worker: attempt.worker.clone(), reason: attempt.reason.clone() }
    }
}

impl From<v1::TileAttempt> for TileAttempt {
    fn from(wire: v1::TileAttempt) -> Self {
        Self { attempt: Attempt(wire.attempt), worker: wire.worker, reason: wire.reason }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn tile(number: u32, state: TileState) -> TileExplanation {
        let attempt = TileAttempt { attempt: Attempt(1), worker: "a:1".into(), reason: "no memory".into() };
        TileExplanation { tile: TileId(number), prompts: 3..9, cells: 4, state, attempts: vec![attempt] }
    }

    #[test]
    fn a_cell_comes_back_as_it_was_wherever_its_tiles_are() {
        let holder = TileHolder { worker: "b:2".into(), attempt: Attempt(2), since: Duration::from_millis(40) };
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let origin = TileOrigin {
            worker: "c:3".into(),
            device: "cpu".into(),
            attempt: Attempt(3),
            at,
            busy: Duration::from_millis(5),
        };
        let states = [
            TileState::Waiting,
            TileState::Leased(vec![holder]),
            TileState::Done(origin),
            TileState::GivenUp,
            TileState::Left,
        ];
        let sent = CellExplanation {
            grid: "z".into(),
            iteration: "Iteration 0".into(),
            axes: vec!["layer".into(), "head".into()],
            indices: vec![8, 11],
            names: vec![None, Some("subject".into())],
            writes: vec!["z of layer 8".into()],
            noop: Some("nothing differs".into()),
            noop_prompts: 2,
            estimate: Some("estimated".into()),
            activity: Some("not known yet".into()),
            tiles: (0..).zip(states).map(|(number, state)| tile(number, state)).collect(),
        };
        let wire = v1::CellExplanation::from(&sent);
        assert_eq!(CellExplanation::try_from(wire.clone()), Ok(sent));
        let short = v1::CellExplanation { indices: vec![8], ..wire.clone() };
        assert!(CellExplanation::try_from(short).is_err());
        let mut lost = wire;
        lost.tiles[2].result = None;
        assert!(CellExplanation::try_from(lost).is_err());
    }
}
