//! `SweepState`, which travels and is kept as a word and a reason.

use super::WireError;
use crate::v1;
use patchsweep_core::status::SweepState;

/// The word, and the reason where there is one.
#[must_use]
pub fn sweep_state_to_wire(state: &SweepState) -> (v1::SweepState, String) {
    match state {
        SweepState::Running => (v1::SweepState::Running, String::new()),
        SweepState::Done => (v1::SweepState::Done, String::new()),
        SweepState::Partial { reason } => (v1::SweepState::Partial, reason.clone()),
        SweepState::Failed { reason } => (v1::SweepState::Failed, reason.clone()),
        SweepState::Cancelled => (v1::SweepState::Cancelled, String::new()),
    }
}

/// The state, or that the word is not there.
pub fn sweep_state_from_wire(
    word: v1::SweepState,
    reason: &str,
    message: &'static str,
) -> Result<SweepState, WireError> {
    match word {
        v1::SweepState::Unspecified => Err(WireError::Missing { message, field: "state" }),
        v1::SweepState::Running => Ok(SweepState::Running),
        v1::SweepState::Done => Ok(SweepState::Done),
        v1::SweepState::Partial => Ok(SweepState::Partial { reason: reason.to_owned() }),
        v1::SweepState::Failed => Ok(SweepState::Failed { reason: reason.to_owned() }),
        v1::SweepState::Cancelled => Ok(SweepState::Cancelled),
    }
}
