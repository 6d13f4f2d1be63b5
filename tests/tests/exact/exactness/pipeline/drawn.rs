//! What cases have, so that none of it is forgotten.

use std::collections::BTreeMap;

use patchsweep_core::context::Direction;
use patchsweep_core::grid::{Component, Grid, PatchValue};
use patchsweep_core::model::Dtype;

use super::case::Case;

/// How many cases have what.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawn(BTreeMap<&'static str, u32>);

impl Drawn {
    pub(super) fn add(&mut self, case: &Case) {
        for (what, has) in parts(case) {
            *self.0.entry(what).or_default() += u32::from(has);
        }
    }

    /// What fewer cases have than this.
    pub(super) fn below(&self, least: u32) -> Vec<&'static str> {
        self.0.iter().filter(|(_, count)| **count < least).map(|(what, _)| *what).collect()
    }
}

fn parts(case: &Case) -> Vec<(&'static str, bool)> {
    let Case { context, notation, delivery, stored, .. } = case;
    let any = |has: &dyn Fn(&Grid) -> bool| context.grids.iter().any(has);
    let lengths = context.groups.groups.iter().map(|group| group.tokens);
    vec![
        ("three grids or more", context.grids.len() >= 3),
        ("denoising", context.direction == Direction::Denoising),
        ("noise", context.iterations[0].noise.is_some()),
        ("replicates", context.replicates > 1),
        ("several iterations", context.spec_iterations() > 1),
        ("several metrics", context.metrics.len() > 1),
        ("a normalized metric", context.metrics.iter().any(|metric| metric.normalize)),
        ("effects on prompts", context.per_prompt),
        ("one prompt", context.clean.prompts() == 1),
        ("several lengths", lengths.clone().max() > lengths.min()),
        ("words", notation.in_words),
        ("bfloat16 weights", *stored == Dtype::Bfloat16),
        ("float16 weights", *stored == Dtype::Float16),
        ("little memory", delivery.memory_budget < 1 << 30),
        ("a crash", delivery.killed_after.is_some()),
        ("zero ablation", any(&|grid| grid.value == PatchValue::Zero)),
        ("knockout", any(&|grid| grid.value == PatchValue::Knockout)),
        ("mean ablation", any(&|grid| grid.value == PatchValue::Mean)),
        ("windows", any(&|grid| grid.window() > 1)),
        ("components together", any(&|grid| grid.components().count() > 1)),
        ("further writes", any(&|grid| !grid.also().is_empty())),
        ("patterns", any(&|grid| grid.component == Component::Pattern)),
        ("features", any(&|grid| grid.dictionary().is_some())),
        ("active features", any(&Grid::chooses_features)),
        ("paths", any(&|grid| grid.to().is_some())),
        ("estimates", any(&|grid| grid.estimate.is_some())),
        ("verified estimates", any(&|grid| grid.verify().is_some())),
    ]
}
