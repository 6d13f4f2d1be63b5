//! Groups of prompts that differ in their positions.

use patchsweep_core::context::Iteration;
use patchsweep_core::groups::{Group, Groups, Spot};
use patchsweep_core::tokens::TokenMatrix;

use super::WireError;
use crate::v1;

const CONTEXT: &str = "SweepContext";

impl From<&Spot> for v1::Spot {
    fn from(spot: &Spot) -> Self {
        Self { name: spot.name.clone(), number: spot.number }
    }
}

impl From<&Group> for v1::PromptGroup {
    fn from(group: &Group) -> Self {
        let positions = |positions: &Vec<u32>| v1::Positions { positions: positions.clone() };
        Self { prompts: group.prompts, tokens: group.tokens, spots: group.spots.iter().map(positions).collect() }
    }
}

/// Of these clean prompts.
pub(super) fn groups_from_wire(
    spots: Vec<v1::Spot>,
    groups: Vec<v1::PromptGroup>,
    numbers: Vec<u32>,
    clean: &TokenMatrix,
) -> Result<Groups, WireError> {
    let refuse = |field, reason: &str| Err(WireError::invalid(CONTEXT, field, reason));
    let group = |group: v1::PromptGroup| Group {
        prompts: group.prompts,
        tokens: group.tokens,
        spots: group.spots.into_iter().map(|spot| spot.positions).collect(),
    };
    let groups = Groups {
        spots: spots.into_iter().map(|v1::Spot { name, number }| Spot { name, number }).collect(),
        groups: groups.into_iter().map(group).collect(),
        numbers,
    };
    if groups.is_empty() {
        if clean.is_ragged() || !groups.spots.is_empty() || !groups.numbers.is_empty() {
            return refuse("groups", "none, but prompts differ in their positions");
        }
        return Ok(groups);
    }
    if groups.spots.is_empty() {
        return refuse("spots", "none, but there are groups");
    }
    let prompts: u64 = groups.groups.iter().map(|group| u64::from(group.prompts)).sum();
    if prompts != u64::from(clean.prompts()) || groups.groups.iter().any(|group| group.prompts == 0) {
        return refuse("groups", "not all prompts");
    }
    for (prompts, group) in groups.ranges() {
        if prompts.clone().any(|prompt| clean.row(prompt).len() != group.tokens as usize) {
            return refuse("groups", "prompts of another length");
        }
        let are_positions = |positions: &Vec<u32>| {
            positions.is_sorted_by(|a, b| a < b) && positions.last().is_some_and(|&last| last < group.tokens)
        };
        if group.spots.len() != groups.spots.len() || !group.spots.iter().all(are_positions) {
            return refuse("groups", "positions that are none, not ascending, or out of range");
        }
    }
    let mut sorted = groups.numbers.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..clean.prompts()) {
        return refuse("numbers", "not those of all prompts");
    }
    Ok(groups)
}

/// Spots that are read are one position each, and no two the same.
pub(super) fn refuse_reads_in_groups(iteration: &Iteration, groups: &Groups) -> Result<(), WireError> {
    for group in &groups.groups {
        let read: Vec<u32> = iteration.reads.iter().flat_map(|&spot| &group.spots[spot as usize]).copied().collect();
        if read.len() != iteration.reads.len() || group.positions(&iteration.reads).len() != read.len() {
            return Err(WireError::invalid("Iteration", "reads", "several positions, or one twice"));
        }
    }
    Ok(())
}
