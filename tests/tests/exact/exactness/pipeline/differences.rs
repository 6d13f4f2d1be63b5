//! Two sweeps that differ in one thing.

use std::path::Path;
use std::sync::Arc;

use patchsweep_core::context::{Direction, Iteration, Noise, SweepContext};
use patchsweep_core::dictionary::Dictionary;
use patchsweep_core::grid::{Axis, Grid, PatchValue};
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::tokens::TokenMatrix;

use super::super::dictionaries;
use super::super::model::ModelDraw;
use super::case::Case;

/// What another sweep has otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// What the noise of an iteration is drawn from.
    Seed,
    Scale,
    /// Where the noise is.
    NoisePositions,
    /// Which prompt of the dataset each is, on which noise depends.
    Numbers,
    /// Where a group of prompts has a spot.
    Group,
    /// What a grid's activations become.
    Value,
    Dtype,
    Direction,
    /// A token of a prompt, clean and corrupted.
    Token,
    /// How far prompts are read.
    Reads,
    /// The weights of an equal architecture.
    Weights,
    /// The tensors of an equal dictionary.
    Dictionary,
    /// Which features of a dictionary are written.
    Features,
}

impl Difference {
    pub(super) const ALL: [Self; 13] = [
        Self::Seed,
        Self::Scale,
        Self::NoisePositions,
        Self::Numbers,
        Self::Group,
        Self::Value,
        Self::Dtype,
        Self::Direction,
        Self::Token,
        Self::Reads,
        Self::Weights,
        Self::Dictionary,
        Self::Features,
    ];

    /// The other sweep, where the case has what they differ in; what it needs is written below a folder.
    pub(super) fn other(self, case: &Case, root: &Path) -> Option<SweepContext> {
        let mut other = case.context.clone();
        let prompts = other.clean.prompts();
        match self {
            Self::Seed => noise(&mut other)?.seed += 17,
            Self::Scale => noise(&mut other)?.scale *= 1.5,
            Self::NoisePositions => {
                let noise = noise(&mut other)?;
                let kept = noise.positions.len().checked_sub(1).filter(|&kept| kept > 0)?;
                noise.positions.truncate(kept);
            }
            Self::Numbers => {
                noise(&mut other)?;
                other.groups.numbers = (0..prompts).rev().collect();
                (prompts > 1 && !other.groups.is_empty()).then_some(())?;
            }
            Self::Group => {
                let group = other.groups.groups.first_mut()?;
                let free = (0..group.tokens).find(|pos| !group.spots.contains(&vec![*pos]))?;
                group.spots[0] = vec![free];
            }
            Self::Value => {
                let has_values = |grid: &&mut Grid| grid.estimate.is_none();
                let grid = other.grids.iter_mut().find(has_values)?;
                grid.value = if grid.value == PatchValue::Zero { PatchValue::Other } else { PatchValue::Zero };
            }
            Self::Dtype => other.dtype = Dtype::Bfloat16,
            Self::Direction => {
                other.direction = match other.direction {
                    Direction::Noising => Direction::Denoising,
                    Direction::Denoising => Direction::Noising,
                }
            }
            Self::Token => {
                other.clean = with_another_first_token(&other.clean, other.architecture.d_vocab);
                for iteration in &mut other.iterations {
                    iteration.corrupted = with_another_first_token(&iteration.corrupted, other.architecture.d_vocab);
                }
            }
            Self::Reads => {
                let positions = other.positions();
                let Iteration { reads, .. } = other.iterations.first_mut()?;
                let last = (0..positions).rev().find(|pos| !reads.contains(pos))?;
                reads.pop();
                reads.push(last);
                reads.sort_unstable();
            }
            Self::Weights => {
                let ModelDraw::Described(model) = &case.model else { return None };
                let mut model = model.clone();
                model.seed ^= 1;
                model.write(&root.join("other"));
                other.model = ModelRef::folder("other").expect("a plain name");
            }
            Self::Dictionary => {
                let positions = other.positions();
                let grid = other.grids.iter_mut().find(|grid| grid.dictionary().is_some())?;
                *grid = with_another_dictionary(grid, &case.context, positions, root);
            }
            Self::Features => {
                let grid = other.grids.iter_mut().find(|grid| grid.dictionary().is_some())?;
                let features = grid.indices(Axis::Feature).to_vec();
                let (_, others) = features.split_first().filter(|(_, others)| !others.is_empty())?;
                *grid = grid.clone().restricted(Axis::Feature, others.to_vec()).expect("some of its features");
            }
        }
        Some(other)
    }
}

/// That of the first iteration.
fn noise(context: &mut SweepContext) -> Option<&mut Noise> {
    context.iterations.first_mut()?.noise.as_mut()
}

fn with_another_first_token(tokens: &TokenMatrix, d_vocab: u32) -> TokenMatrix {
    let mut ids = tokens.ids().to_vec();
    ids[0] = (ids[0] + 1) % d_vocab;
    tokens.with_ids(ids)
}

/// Of the same name and form.
fn with_another_dictionary(grid: &Grid, context: &SweepContext, positions: u32, root: &Path) -> Grid {
    let dictionary = grid.dictionary().expect("a grid over a dictionary");
    let another = Dictionary { path: format!("{}0", dictionary.path), ..Dictionary::clone(dictionary) };
    let another = Arc::new(dictionaries::with_digest(another));
    dictionaries::write(&another, root);
    let (name, axes) = (grid.name.clone(), grid.axes.clone());
    let other = Grid::over_features(name, another, axes, &context.architecture, positions).expect("the same axes");
    let other = other.restricted(Axis::Pos, grid.indices(Axis::Pos).to_vec()).expect("the same positions");
    let features = grid.indices(Axis::Feature).to_vec();
    other.restricted(Axis::Feature, features).expect("the same features").patched_with(grid.value)
}
