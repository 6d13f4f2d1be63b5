//! The one place where errors become gRPC codes.

use patchsweep_core::error_chain;
use patchsweep_core::ids::{SweepId, WorkerId};
use patchsweep_link::refusal::Refusal;
use patchsweep_proto::chunk::TooLarge;
use patchsweep_proto::wire::WireError;
use tonic::Status;

use super::PlanningError;
use super::offload::OffloadError;
use crate::explain::CellError;
use crate::merge::MergeError;
use crate::state::StateError;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("no sweep `{0}`; `patchsweep list` shows those that there are")]
    UnknownSweep(SweepId),
    #[error(
        "sweep `{sweep}` has no results: it is {state}; `patchsweep status {sweep}` says more, and --partial gives what there is so far"
    )]
    NoResults { sweep: SweepId, state: &'static str },
    #[error("sweep `{sweep}` is a check itself; check `{checked}`, the sweep that it is of")]
    CheckOfCheck { sweep: SweepId, checked: SweepId },
    #[error("no running sweep has the context {0}")]
    UnknownContext(String),
    #[error(transparent)]
    Planning(#[from] PlanningError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error(
        "protocol version {worker} of the worker is not the coordinator's {coordinator}: install the same release on both"
    )]
    ProtocolVersion { worker: u32, coordinator: u32 },
    #[error("a worker's first message must be a registration")]
    NotRegistered,
    #[error("no registration came in time")]
    RegistrationTimeout,
    #[error("the coordinator is shutting down")]
    ShuttingDown,
    #[error(transparent)]
    Offload(#[from] OffloadError),
    #[error(transparent)]
    Cell(#[from] CellError),
    #[error("no worker `{0}` is connected; `patchsweep workers` shows those that are")]
    UnknownWorker(WorkerId),
    #[error("sweep `{sweep}` lacks nothing that could be resumed: it is {state}")]
    NothingToResume { sweep: SweepId, state: &'static str },
    #[error("sweep `{sweep}` is running; `patchsweep cancel {sweep}` ends it, then it can be removed")]
    StillRunning { sweep: SweepId },
    #[error(
        "sweep `{sweep}` is being checked by `{check}`; wait for that, or end it with `patchsweep cancel {check}`, then it can be removed"
    )]
    CheckRunning { sweep: SweepId, check: SweepId },
    #[error(
        "nothing can be stored now ({reason}); make room on the disk of the coordinator's state folder and try again"
    )]
    CannotStore { reason: String },
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Merge(#[from] MergeError),
}

impl From<RequestError> for Status {
    fn from(error: RequestError) -> Self {
        let text = error_chain(&error);
        match error {
            RequestError::UnknownSweep(_) | RequestError::UnknownContext(_) | RequestError::UnknownWorker(_) => {
                Self::not_found(text)
            }
            RequestError::NoResults { .. }
            | RequestError::NothingToResume { .. }
            | RequestError::StillRunning { .. }
            | RequestError::CheckRunning { .. }
            | RequestError::CheckOfCheck { .. } => Self::failed_precondition(text),
            RequestError::ProtocolVersion { .. } => Refusal::ProtocolVersion.status(text),
            RequestError::Planning(_)
            | RequestError::Wire(_)
            | RequestError::TooLarge(_)
            | RequestError::Cell(_)
            | RequestError::NotRegistered => Self::invalid_argument(text),
            RequestError::RegistrationTimeout
            | RequestError::ShuttingDown
            | RequestError::Offload(OffloadError::ShuttingDown) => Self::unavailable(text),
            RequestError::CannotStore { .. } => Self::resource_exhausted(text),
            RequestError::Offload(OffloadError::Panicked { .. }) | RequestError::State(_) | RequestError::Merge(_) => {
                Self::internal(text)
            }
        }
    }
}
