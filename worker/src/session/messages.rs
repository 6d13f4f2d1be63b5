//! What goes to the coordinator and comes from it.

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{CoordinatorId, Lease};
use patchsweep_core::tile::Tile;
use patchsweep_core::{error_chain, scores};
use patchsweep_proto::v1::worker_message::Message;
use patchsweep_proto::v1::{self, FailureKind, tile_result};
use patchsweep_proto::wire::{WireError, digest_from_wire, loaded_to_wire};
use prost::Message as _;

use super::computer::Finished;
use super::spans::LeaseSpan;
use crate::engine::EngineError;

/// Most bytes of a message.
const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// What else is in the message around a result's scores, but for notes.
const ENVELOPE_BYTES: usize = 1 << 10;

/// Most characters of a reason; what libtorch says can be long.
const MOST_REASON: usize = 2000;

/// A lease that was granted, and what it takes to compute its tile.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) lease: Lease,
    pub(super) tile: Tile,
    pub(super) context: Digest,
    pub(super) model: Option<Digest>,
    /// From now until the computer has finished it.
    pub(super) span: LeaseSpan,
}

/// A grant's lease, and the rest where it can be read: a worker that knows the lease can report what is wrong with it.
pub(super) fn read_grant(grant: v1::Grant, worker: &str) -> Result<(Lease, Result<Granted, WireError>), WireError> {
    let missing = |field| WireError::Missing { message: "Grant", field };
    let lease = Lease::from(grant.lease.ok_or_else(|| missing("lease"))?);
    let span = LeaseSpan::new(&lease, worker, &grant.traceparent);
    let granted = || {
        let model = grant.model_digest.as_slice();
        Ok(Granted {
            lease: lease.clone(),
            tile: grant.tile.ok_or_else(|| missing("tile"))?.try_into()?,
            context: digest_from_wire(&grant.context_digest)?,
            model: if model.is_empty() { None } else { Some(digest_from_wire(model)?) },
            span,
        })
    };
    let granted = granted();
    Ok((lease, granted))
}

/// Which coordinator this is; one that does not say cannot be recognised when it comes back.
pub(super) fn read_coordinator(welcome: &v1::Welcome) -> Result<Option<CoordinatorId>, WireError> {
    let id = welcome.coordinator_id.as_slice();
    if id.is_empty() {
        return Ok(None);
    }
    let id = id.try_into().map_err(|_| WireError::Invalid {
        message: "Welcome",
        field: "coordinator_id",
        reason: format!("{} bytes, not 16", id.len()),
    })?;
    Ok(Some(CoordinatorId(id)))
}

pub(super) fn released(lease: &Lease) -> Message {
    Message::Released(v1::Released { lease: Some(lease.into()) })
}

pub(super) fn going_away(reason: &str, finishing: &[Lease]) -> Message {
    let finishing = finishing.iter().map(Into::into).collect();
    Message::GoingAway(v1::GoingAway { reason: reason.to_owned(), finishing })
}

/// What became of a lease's tile.
pub(super) fn result(finished: &Finished) -> v1::TileResult {
    let around = v1::TileResult {
        lease: Some((&finished.lease).into()),
        cache: Some(finished.cache.into()),
        busy_seconds: finished.busy.as_secs_f64(),
        loaded: Some(loaded_to_wire(&finished.loaded)),
        ..v1::TileResult::default()
    };
    match &finished.outcome {
        Ok(evaluation) => {
            let scores = v1::TileScores::from(&evaluation.scores);
            let scores::WorkDone { multiply_adds, libtorch_calls, memory_retries, streamed_bytes } = evaluation.work;
            let around_scores = around.encoded_len()
                + ENVELOPE_BYTES
                + evaluation.notes.iter().map(|note| note.len() + 8).sum::<usize>();
            let outcome = match scores.encoded_len() {
                bytes if bytes + around_scores > MAX_MESSAGE_BYTES => failure(&too_large(bytes), FailureKind::Attempt),
                _ => tile_result::Outcome::Scores(scores),
            };
            v1::TileResult {
                outcome: Some(outcome),
                model_digest: evaluation.model.0.to_vec(),
                model_notes: evaluation.notes.clone(),
                multiply_adds,
                libtorch_calls,
                memory_retries,
                streamed_bytes,
                loading_seconds: evaluation.loading.as_secs_f64(),
                ..around
            }
        }
        Err(error) => {
            let (kind, model_digest) = match error {
                EngineError::OtherModel { found, .. } => (FailureKind::OtherModel, found.0.to_vec()),
                _ => (FailureKind::Attempt, Vec::new()),
            };
            v1::TileResult { outcome: Some(failure(&error_chain(error), kind)), model_digest, ..around }
        }
    }
}

/// A tile that could not be begun.
pub(super) fn not_begun(lease: &Lease, reason: &str, cache: scores::CacheStats) -> v1::TileResult {
    let outcome = Some(failure(reason, FailureKind::Attempt));
    v1::TileResult { lease: Some(lease.into()), cache: Some(cache.into()), outcome, ..v1::TileResult::default() }
}

fn failure(reason: &str, kind: FailureKind) -> tile_result::Outcome {
    let reason = reason.chars().take(MOST_REASON).collect();
    tile_result::Outcome::Failure(v1::TileFailure { reason, kind: kind.into() })
}

/// The plan cuts tiles so that this cannot be; a coordinator of another make may not.
fn too_large(bytes: usize) -> String {
    format!("the tile's scores take {bytes} bytes, more than the {MAX_MESSAGE_BYTES} of a message; cut the sweep finer")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use patchsweep_core::ids::{Attempt, Epoch, SweepId, TileId};
    use patchsweep_core::scores::{CacheStats, CellScore, TileScores, WorkDone};
    use patchsweep_proto::v1::WorkerMessage;

    use super::*;
    use crate::engine::Evaluation;

    fn result_of(cells: usize) -> v1::TileResult {
        let score = CellScore::of(&[1.0], &[0.5]);
        let scores = TileScores { metrics: 1, scores: vec![score; cells], by_prompt: Vec::new() };
        let (notes, work, loading) = (vec!["a".repeat(2000)], WorkDone::default(), Duration::ZERO);
        let evaluation = Evaluation { scores, model: Digest([1; 32]), notes, work, loading };
        let lease = Lease { epoch: Epoch(1), sweep: SweepId("s".into()), tile: TileId(0), attempt: Attempt(1) };
        let (cache, loaded, busy) = (CacheStats::default(), Vec::new(), Duration::ZERO);
        result(&Finished { lease, outcome: Ok(evaluation), cache, loaded, busy })
    }

    #[test]
    fn scores_that_fit_no_message_fail_their_tile_instead() {
        // 33 bytes a cell.
        for (cells, fits) in [(1 << 16, true), (127_000, true), (127_050, false), (1 << 18, false)] {
            let result = result_of(cells);
            let failure = match &result.outcome {
                Some(tile_result::Outcome::Failure(failure)) => Some(failure.reason.clone()),
                _ => None,
            };
            assert_eq!(failure.is_none(), fits, "{cells} cells: {failure:?}");
            let message = WorkerMessage { message: Some(Message::Result(result)) };
            assert!(message.encoded_len() <= MAX_MESSAGE_BYTES);
        }
    }

    #[test]
    fn a_reason_is_cut_to_a_length() {
        let Some(tile_result::Outcome::Failure(failure)) = not_begun(
            &Lease { epoch: Epoch(1), sweep: SweepId("s".into()), tile: TileId(0), attempt: Attempt(1) },
            &"ü".repeat(100_000),
            CacheStats::default(),
        )
        .outcome
        else {
            panic!("not a failure")
        };
        assert_eq!(failure.reason, "ü".repeat(MOST_REASON));
    }

    #[test]
    fn a_coordinator_that_names_itself_does_it_with_16_bytes() {
        let welcome = |bytes: usize| v1::Welcome { coordinator_id: vec![7; bytes], ..v1::Welcome::default() };
        assert_eq!(read_coordinator(&welcome(16)), Ok(Some(CoordinatorId([7; 16]))));
        assert_eq!(read_coordinator(&welcome(0)), Ok(None));
        assert!(read_coordinator(&welcome(15)).is_err());
    }
}
