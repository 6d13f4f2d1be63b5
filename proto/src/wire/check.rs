//! `CheckOf`.

use super::WireError;
use crate::v1;
use patchsweep_core::check::CheckOf;
use patchsweep_core::ids::SweepId;

impl From<&CheckOf> for v1::CheckOf {
    fn from(check: &CheckOf) -> Self {
        Self { sweep_id: check.sweep.0.clone(), cells: check.cells, seed: check.seed }
    }
}

impl TryFrom<v1::CheckOf> for CheckOf {
    type Error = WireError;

    fn try_from(wire: v1::CheckOf) -> Result<Self, WireError> {
        if wire.cells == 0 {
            return Err(WireError::invalid("CheckOf", "cells", "a check draws at least one cell"));
        }
        Ok(Self { sweep: SweepId(wire.sweep_id), cells: wire.cells, seed: wire.seed })
    }
}
