//! Messages of `state.proto` and what they stand for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_core::context::SweepContext;
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::Axis;
use patchsweep_core::ids::{Epoch, Lease, SweepId};
use patchsweep_core::scores::WorkDone;
use patchsweep_core::status::SweepState;
use patchsweep_core::tile::Tile;
use patchsweep_plan::{ActiveFeatures, Choice, Chosen, Plan, Seeds};
use patchsweep_proto::v1;
use patchsweep_proto::wire::{
    WireError, decode_context, digest_from_wire, digest_of, from_unix_milliseconds, priority_from_wire, refuse_tile,
    sweep_state_from_wire, sweep_state_to_wire, unix_milliseconds,
};

use super::{Arrival, Completed, Defect, FailedAttempt, KeptResult, KeptSweep, TileFailures};

impl From<&KeptSweep> for v1::StoredSweep {
    fn from(kept: &KeptSweep) -> Self {
        let plan = &kept.plan;
        let kept_answers = plan.kept_answers.iter().map(|&prompts| v1::KeptAnswers { prompts });
        let trained_on = |(dictionary, model): (&String, &String)| v1::DictionaryModel {
            dictionary: dictionary.clone(),
            model: model.clone(),
        };
        let answer_texts = plan.answer_texts.iter().map(|(&id, text)| v1::TokenText { id, text: text.clone() });
        Self {
            sweep_id: kept.id.0.clone(),
            name: plan.name.clone(),
            context: kept.context.clone(),
            tiles: plan.tiles.iter().map(Into::into).collect(),
            costs: plan.costs.clone(),
            options: Some(plan.options.into()),
            iteration_labels: plan.iteration_labels.clone(),
            token_labels: plan.token_labels.clone(),
            lines: plan.lines.clone(),
            spec: plan.spec_text.clone(),
            dataset_seed: plan.seeds.dataset,
            corruption_seed: plan.seeds.corruption,
            kept_answers: kept_answers.collect(),
            warnings: plan.warnings.clone(),
            answer_texts: answer_texts.collect(),
            dataset_digest: kept.dataset.0.to_vec(),
            priority: kept.priority.get().into(),
            submitted_unix_ms: unix_milliseconds(kept.submitted),
            check_of: plan.check.as_ref().map(Into::into),
            choice: plan.choice.as_ref().map(choice_to_wire),
            epoch: Some(kept.arrival.epoch.0),
            model_files: kept.arrival.files.map_or_else(Vec::new, |files| files.0.to_vec()),
            dictionary_models: plan.dictionary_models.iter().map(trained_on).collect(),
            prompts_digest: plan.prompts.0.to_vec(),
        }
    }
}

impl TryFrom<v1::StoredSweep> for KeptSweep {
    type Error = Defect;

    fn try_from(wire: v1::StoredSweep) -> Result<Self, Defect> {
        let context = decode_context(&wire.context)?;
        let digest = digest_of(&context);
        if digest != Digest::of(&wire.context) {
            return Err(Defect::Parts("its context says more than this release knows"));
        }
        let tiles = wire.tiles.into_iter().map(Tile::try_from).collect::<Result<Vec<_>, _>>()?;
        for (index, tile) in tiles.iter().enumerate() {
            refuse_tile(tile, &context)?;
            if tile.id.0 as usize != index {
                return Err(Defect::Parts("its tiles are not in order"));
            }
        }
        let iterations = context.spec_iterations();
        if wire.costs.len() != tiles.len() {
            return Err(Defect::Parts("it has not one cost per tile"));
        }
        if wire.iteration_labels.len() != iterations || wire.kept_answers.len() != iterations {
            return Err(Defect::Parts("its labels or kept answers do not fit its iterations"));
        }
        if wire.token_labels.len() != context.clean.row(0).len() {
            return Err(Defect::Parts("its token labels do not fit its prompts"));
        }
        if !wire.lines.is_empty() && wire.lines.len() != context.clean.prompts() as usize {
            return Err(Defect::Parts("its lines do not fit its prompts"));
        }
        let choice = wire.choice.map(|wire| choice_from_wire(wire, &context, tiles.len())).transpose()?;
        let plan = Plan {
            name: wire.name,
            context: Arc::new(context),
            digest,
            tiles,
            costs: wire.costs,
            options: wire.options.ok_or(Defect::Parts("it does not say how its tiles were cut"))?.into(),
            iteration_labels: wire.iteration_labels,
            prompts: digest_from_wire(&wire.prompts_digest)?,
            token_labels: wire.token_labels,
            dictionary_models: wire.dictionary_models.into_iter().map(|of| (of.dictionary, of.model)).collect(),
            lines: wire.lines,
            spec_text: wire.spec,
            seeds: Seeds { dataset: wire.dataset_seed, corruption: wire.corruption_seed },
            kept_answers: wire.kept_answers.into_iter().map(|kept| kept.prompts).collect(),
            warnings: wire.warnings,
            answer_texts: wire.answer_texts.into_iter().map(|token| (token.id, token.text)).collect(),
            check: wire.check_of.map(TryInto::try_into).transpose()?,
            choice,
        };
        Ok(Self {
            id: SweepId(wire.sweep_id),
            plan: Arc::new(plan),
            context: wire.context,
            dataset: digest_from_wire(&wire.dataset_digest)?,
            priority: priority_from_wire(wire.priority, "StoredSweep")?,
            submitted: from_unix_milliseconds(wire.submitted_unix_ms, "StoredSweep", "submitted_unix_ms")?,
            arrival: Arrival {
                epoch: wire.epoch.map(Epoch).ok_or(Defect::Parts("it does not say in which life it was submitted"))?,
                files: (!wire.model_files.is_empty()).then(|| digest_from_wire(&wire.model_files)).transpose()?,
            },
        })
    }
}

fn choice_to_wire(Choice { first, chosen, features }: &Choice) -> v1::StoredChoice {
    let of_grid = |chosen: &Chosen| {
        let Chosen { grid, iteration, candidates, without_estimate, top, sample, unknown } = chosen.clone();
        v1::ChosenCells { grid, iteration, candidates, without_estimate, top, sample, unknown }
    };
    let active = |of_grid: &ActiveFeatures| {
        let ActiveFeatures { grid, features } = of_grid.clone();
        v1::ActiveFeatures { grid, features }
    };
    v1::StoredChoice {
        first_tile: *first,
        chosen: chosen.iter().map(of_grid).collect(),
        features: features.iter().map(active).collect(),
    }
}

fn choice_from_wire(wire: v1::StoredChoice, context: &SweepContext, tiles: usize) -> Result<Choice, Defect> {
    if wire.first_tile as usize > tiles {
        return Err(Defect::Parts("its choice of cells begins behind its tiles"));
    }
    let of_grid = |v1::ChosenCells { grid, iteration, candidates, without_estimate, top, sample, unknown }| {
        let chosen = Chosen { grid, iteration, candidates, without_estimate, top, sample, unknown };
        let cells = context.grids.get(grid as usize).and_then(|grid| grid.cell_count().ok());
        let fits =
            |list: &[u32], cells: u32| list.is_sorted_by(|a, b| a < b) && list.last().is_none_or(|&last| last < cells);
        let count = chosen.top.len() + chosen.sample.len();
        let lists = [&chosen.top, &chosen.sample, &chosen.unknown];
        let is_one = (iteration as usize) < context.spec_iterations()
            && cells.is_some_and(|cells| lists.iter().all(|list| fits(list, cells)) && candidates <= cells)
            && count <= candidates as usize
            && chosen.top.len() + without_estimate as usize <= candidates as usize
            && chosen.cells().len() == count;
        if is_one { Ok(chosen) } else { Err(Defect::Parts("its choice of cells has some that it has not")) }
    };
    let chosen = wire.chosen.into_iter().map(of_grid).collect::<Result<_, _>>()?;
    let active = |v1::ActiveFeatures { grid, features }| {
        let all = context.grids.get(grid as usize).filter(|grid| grid.chooses_features());
        let all = all.map_or(&[][..], |grid| grid.indices(Axis::Feature));
        let are_its = features.iter().all(|feature| all.binary_search(feature).is_ok());
        let is_list = !features.is_empty() && features.is_sorted_by(|a, b| a < b);
        let refused = Defect::Parts("its choice of features has some that its grid has not");
        if are_its && is_list { Ok(ActiveFeatures { grid, features }) } else { Err(refused) }
    };
    let features = wire.features.into_iter().map(active).collect::<Result<_, _>>()?;
    Ok(Choice { first: wire.first_tile, chosen, features })
}

impl From<&KeptResult> for v1::StoredResult {
    fn from(kept: &KeptResult) -> Self {
        let completed = &kept.completed;
        Self {
            lease: Some((&kept.lease).into()),
            worker: kept.worker.clone(),
            device: kept.device.clone(),
            model_digest: completed.model.0.to_vec(),
            scores: Some((&completed.scores).into()),
            busy_seconds: completed.busy.as_secs_f64(),
            multiply_adds: completed.work.multiply_adds,
            libtorch_calls: completed.work.libtorch_calls,
            memory_retries: completed.work.memory_retries,
            streamed_bytes: completed.work.streamed_bytes,
            cache: Some(kept.cache.into()),
            received_unix_ms: unix_milliseconds(kept.received),
            model_notes: completed.notes.clone(),
        }
    }
}

impl TryFrom<v1::StoredResult> for KeptResult {
    type Error = WireError;

    fn try_from(wire: v1::StoredResult) -> Result<Self, WireError> {
        const MESSAGE: &str = "StoredResult";
        let busy = Duration::try_from_secs_f64(wire.busy_seconds);
        Ok(Self {
            lease: required(wire.lease, MESSAGE, "lease")?.into(),
            worker: wire.worker,
            device: wire.device,
            completed: Completed {
                scores: required(wire.scores, MESSAGE, "scores")?.try_into()?,
                model: digest_from_wire(&wire.model_digest)?,
                notes: wire.model_notes,
                busy: busy.map_err(|error| WireError::Invalid {
                    message: MESSAGE,
                    field: "busy_seconds",
                    reason: error.to_string(),
                })?,
                work: WorkDone {
                    multiply_adds: wire.multiply_adds,
                    libtorch_calls: wire.libtorch_calls,
                    memory_retries: wire.memory_retries,
                    streamed_bytes: wire.streamed_bytes,
                },
            },
            cache: required(wire.cache, MESSAGE, "cache")?.into(),
            received: from_unix_milliseconds(wire.received_unix_ms, MESSAGE, "received_unix_ms")?,
        })
    }
}

impl From<&TileFailures> for v1::StoredFailures {
    fn from(failures: &TileFailures) -> Self {
        Self { failures: failures.attempts.iter().map(Into::into).collect(), given_up: failures.given_up }
    }
}

impl From<&FailedAttempt> for v1::StoredFailure {
    fn from(attempt: &FailedAttempt) -> Self {
        let FailedAttempt { lease, worker, reason } = attempt.clone();
        Self { lease: Some((&lease).into()), worker, reason }
    }
}

impl TryFrom<v1::StoredFailures> for TileFailures {
    type Error = WireError;

    fn try_from(wire: v1::StoredFailures) -> Result<Self, WireError> {
        let attempt = |wire: v1::StoredFailure| {
            let lease: Lease = required(wire.lease, "StoredFailure", "lease")?.into();
            Ok(FailedAttempt { lease, worker: wire.worker, reason: wire.reason })
        };
        let attempts = wire.failures.into_iter().map(attempt).collect::<Result<_, WireError>>()?;
        Ok(Self { attempts, given_up: wire.given_up })
    }
}

/// Where a sweep stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeptState {
    pub(super) state: SweepState,
    /// From submission, or the last resumption, to the end.
    pub(super) seconds: f64,
    /// `None` while it runs.
    pub(super) ended: Option<SystemTime>,
}

impl KeptState {
    /// It has not ended.
    pub(super) fn running() -> Self {
        Self { state: SweepState::Running, seconds: 0.0, ended: None }
    }
}

impl From<&KeptState> for v1::StoredState {
    fn from(kept: &KeptState) -> Self {
        let (state, reason) = sweep_state_to_wire(&kept.state);
        let ended_unix_ms = kept.ended.map_or(0, unix_milliseconds);
        Self { state: state.into(), reason, seconds: kept.seconds, ended_unix_ms }
    }
}

impl TryFrom<v1::StoredState> for KeptState {
    type Error = WireError;

    fn try_from(wire: v1::StoredState) -> Result<Self, WireError> {
        const MESSAGE: &str = "StoredState";
        let ended = match wire.ended_unix_ms {
            0 => None,
            unix_ms => Some(from_unix_milliseconds(unix_ms, MESSAGE, "ended_unix_ms")?),
        };
        Ok(Self { state: sweep_state_from_wire(wire.state(), &wire.reason, MESSAGE)?, seconds: wire.seconds, ended })
    }
}

fn required<T>(value: Option<T>, message: &'static str, field: &'static str) -> Result<T, WireError> {
    value.ok_or(WireError::Missing { message, field })
}
