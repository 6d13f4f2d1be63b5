//! `SweepContext` and what it holds.

use std::sync::Arc;

use super::grid::{also_index_count, component_from_wire, grid_from_wire, receivers_index_count};
use super::groups::{groups_from_wire, refuse_reads_in_groups};
use super::{WireError, required};
use crate::v1;
use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::{Direction, Iteration, Noise, SweepContext};
use patchsweep_core::grid::{Grid, MAX_INDICES, PatchValue, index_count};
use patchsweep_core::groups::Spot;
use patchsweep_core::length;
use patchsweep_core::metric::Metric;
use patchsweep_core::token_sets::TokenSets;
use patchsweep_core::tokens::{TokenMatrix, TokenMatrixError};

const CONTEXT: &str = "SweepContext";

impl From<&SweepContext> for v1::SweepContext {
    fn from(context: &SweepContext) -> Self {
        Self {
            model: Some((&context.model).into()),
            architecture: Some((&context.architecture).into()),
            dtype: v1::Dtype::from(context.dtype).into(),
            tf32: context.tf32,
            direction: match context.direction {
                Direction::Noising => v1::Direction::Noising.into(),
                Direction::Denoising => v1::Direction::Denoising.into(),
            },
            clean: Some((&context.clean).into()),
            iterations: context.iterations.iter().map(Into::into).collect(),
            metrics: context.metrics.iter().map(Into::into).collect(),
            grids: context.grids.iter().map(Into::into).collect(),
            per_prompt: context.per_prompt,
            // Left out where there is one only, so that such a context keeps the digest that it always had.
            replicates: if context.replicates > 1 { context.replicates } else { 0 },
            spots: context.groups.spots.iter().map(Into::into).collect(),
            groups: context.groups.groups.iter().map(Into::into).collect(),
            numbers: context.groups.numbers.clone(),
        }
    }
}

impl TryFrom<v1::SweepContext> for SweepContext {
    type Error = WireError;

    fn try_from(wire: v1::SweepContext) -> Result<Self, WireError> {
        let direction = match wire.direction() {
            v1::Direction::Unspecified => return Err(WireError::Missing { message: CONTEXT, field: "direction" }),
            v1::Direction::Noising => Direction::Noising,
            v1::Direction::Denoising => Direction::Denoising,
        };
        let architecture = Architecture::try_from(required(wire.architecture, CONTEXT, "architecture")?)?;
        let clean: TokenMatrix = required(wire.clean, CONTEXT, "clean")?.try_into()?;
        let iterations: Vec<Iteration> =
            wire.iterations.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        let metrics: Vec<Metric> = wire.metrics.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        if clean.positions() > architecture.n_ctx {
            return Err(WireError::invalid(CONTEXT, "clean", "more positions than the model has"));
        }
        let groups = groups_from_wire(wire.spots, wire.groups, wire.numbers, &clean)?;
        let positions = if groups.is_empty() { clean.positions() } else { length(groups.spots.len()) };
        let spots: Option<Arc<[Spot]>> = (!groups.is_empty()).then(|| groups.spots.clone().into());
        let mut indices = 0;
        let grid = |grid: v1::Grid| {
            indices += index_count(component_from_wire(grid.component())?, &architecture, positions);
            indices += grid.dictionary.as_ref().map_or(0, |dictionary| u64::from(dictionary.features));
            indices += grid.also.iter().map(|also| also_index_count(also, positions)).sum::<u64>();
            indices += grid.to.as_ref().map_or(0, receivers_index_count);
            if indices > MAX_INDICES {
                return Err(WireError::invalid(CONTEXT, "grids", "more indices than a sweep may have"));
            }
            let grid = grid_from_wire(grid, &architecture, positions)?;
            Ok(match &spots {
                Some(spots) => grid.over_spots(spots.clone()),
                None => grid,
            })
        };
        let grids: Vec<Grid> = wire.grids.into_iter().map(grid).collect::<Result<_, _>>()?;
        for (field, length) in [("iterations", iterations.len()), ("metrics", metrics.len()), ("grids", grids.len())] {
            if length == 0 {
                return Err(WireError::invalid(CONTEXT, field, "none given"));
            }
        }
        let context = Self {
            model: required(wire.model, CONTEXT, "model")?.try_into()?,
            dtype: v1::Dtype::try_from(wire.dtype)
                .map_err(|_| WireError::invalid(CONTEXT, "dtype", "unknown"))?
                .try_into()?,
            architecture,
            tf32: wire.tf32,
            direction,
            clean,
            iterations,
            metrics,
            grids,
            per_prompt: wire.per_prompt,
            replicates: wire.replicates.max(1),
            groups,
        };
        refuse_unfit(&context)?;
        Ok(context)
    }
}

/// Parts that are valid alone must also fit each other.
fn refuse_unfit(context: &SweepContext) -> Result<(), WireError> {
    let (prompts, positions) = (context.clean.prompts(), context.positions());
    let refuse = |field, reason: &str| Err(WireError::invalid(CONTEXT, field, reason));
    if !context.groups.is_empty() && !context.grids.iter().all(Grid::knows_spots) {
        return refuse("grids", "paths, features or estimates of prompts in groups");
    }
    if !context.iterations.len().is_multiple_of(context.replicates as usize) {
        return refuse("replicates", "the iterations are no multiple of them");
    }
    for iteration in &context.iterations {
        let corrupted = &iteration.corrupted;
        if !corrupted.has_shape_of(&context.clean) {
            return refuse("iterations", "corrupted prompts are not of the clean prompts' shape");
        }
        refuse_reads(iteration, prompts, positions)?;
        refuse_reads_in_groups(iteration, &context.groups)?;
        if let Some(noise) = &iteration.noise {
            let ascending = noise.positions.is_sorted_by(|a, b| a < b) && !noise.positions.is_empty();
            if !ascending || noise.positions.iter().any(|&pos| pos >= positions) {
                return Err(WireError::invalid("Noise", "positions", "none, not ascending, or out of range"));
            }
            if !(noise.scale.is_finite() && noise.scale > 0.0) {
                return Err(WireError::invalid("Noise", "scale", "not positive"));
            }
        }
    }
    if context
        .metrics
        .iter()
        .flat_map(|metric| metric.kind.token_sets())
        .any(|s| ![1, prompts as usize].contains(&s.count()))
    {
        return refuse("metrics", "sets of tokens that are neither one for all prompts nor one for each");
    }
    if context.clean.is_ragged() && context.grids.iter().any(|grid| grid.writes_value(PatchValue::Mean)) {
        return refuse("grids", "a mean over prompts of different lengths");
    }
    if let Some(stray) = context.stray_answer() {
        return refuse("iterations", &stray.to_string());
    }
    let answers = |i: &Iteration| i.corrupted.ids().iter().chain(&i.answers).chain(&i.wrong_answers).copied().collect();
    let corrupted: Vec<Vec<u32>> = context.iterations.iter().map(answers).collect();
    let beyond = |id: &u32| *id >= context.architecture.d_vocab;
    let compares_beyond = |metric: &Metric| {
        let sets = metric.kind.token_sets().flat_map(TokenSets::ids);
        metric.kind.candidates().iter().chain(sets).any(beyond)
    };
    let mut ids = context.clean.ids().iter().chain(corrupted.iter().flatten());
    if ids.any(beyond) || context.metrics.iter().any(compares_beyond) {
        return refuse("architecture", "a token id is outside the vocabulary");
    }
    Ok(())
}

fn refuse_reads(iteration: &Iteration, prompts: u32, positions: u32) -> Result<(), WireError> {
    let Iteration { reads, answers, wrong_answers, .. } = iteration;
    let refuse = |field, reason: &str| Err(WireError::invalid("Iteration", field, reason));
    if reads.is_empty() || !reads.is_sorted_by(|a, b| a < b) || reads.iter().any(|&read| read >= positions) {
        return refuse("reads", "none, not ascending, or out of range");
    }
    let wanted = prompts as usize * reads.len();
    if !answers.is_empty() && answers.len() != wanted {
        return refuse("answers", "not one per prompt and read position");
    }
    if !wrong_answers.is_empty() && wrong_answers.len() != wanted {
        return refuse("wrong_answers", "not one per prompt and read position");
    }
    Ok(())
}

impl From<&TokenMatrix> for v1::TokenMatrix {
    fn from(tokens: &TokenMatrix) -> Self {
        let lengths = tokens.lengths();
        Self { prompts: tokens.prompts(), positions: tokens.positions(), ids: tokens.ids().to_vec(), lengths }
    }
}

impl TryFrom<v1::TokenMatrix> for TokenMatrix {
    type Error = WireError;

    fn try_from(wire: v1::TokenMatrix) -> Result<Self, WireError> {
        let refuse = |error: TokenMatrixError| WireError::invalid("TokenMatrix", "ids", error);
        if wire.lengths.is_empty() {
            return Self::from_flat(wire.prompts, wire.positions, wire.ids).map_err(refuse);
        }
        let ragged = Self::from_lengths(&wire.lengths, wire.ids).map_err(refuse)?;
        if !ragged.is_ragged() || [ragged.prompts(), ragged.positions()] != [wire.prompts, wire.positions] {
            return Err(WireError::invalid("TokenMatrix", "lengths", "all equal, or not those of the prompts"));
        }
        Ok(ragged)
    }
}

impl From<&Iteration> for v1::Iteration {
    fn from(iteration: &Iteration) -> Self {
        Self {
            corrupted: Some((&iteration.corrupted).into()),
            reads: iteration.reads.clone(),
            answers: iteration.answers.clone(),
            wrong_answers: iteration.wrong_answers.clone(),
            noise: iteration.noise.as_ref().map(|noise| v1::Noise {
                positions: noise.positions.clone(),
                scale: noise.scale,
                seed: noise.seed,
            }),
        }
    }
}

impl TryFrom<v1::Iteration> for Iteration {
    type Error = WireError;

    fn try_from(wire: v1::Iteration) -> Result<Self, WireError> {
        let v1::Iteration { corrupted, reads, answers, wrong_answers, noise } = wire;
        let noise = noise.map(|v1::Noise { positions, scale, seed }| Noise { positions, scale, seed });
        let corrupted = required(corrupted, "Iteration", "corrupted")?.try_into()?;
        Ok(Self { corrupted, noise, reads, answers, wrong_answers })
    }
}

#[cfg(test)]
mod tests;
