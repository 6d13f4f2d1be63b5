//! A random sweep on a random model, and how it is cut.

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::grid::{Component, Grid, PatchValue};
use patchsweep_core::groups::Groups;
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::weights::{LEAST_BESIDE, Placement, WeightBytes};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::grids::grids;
use super::iterations::{Corruption, candidates, drawn_iterations, token_ids};
use super::metrics::metrics;
use super::model::{Kind, ModelDraw, models};

/// What a case is about; everything else is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Topic {
    pub(crate) component: Component,
    pub(crate) value: PatchValue,
    pub(crate) direction: Direction,
    pub(crate) corruption: Corruption,
    pub(crate) writes: Writes,
}

/// How many writes a cell has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    One,
    /// Or one, where a window is cut.
    Several,
    /// One, of features of a dictionary.
    Features,
    /// One, whose changes are received somewhere.
    Paths,
}

impl Topic {
    /// Every combination of what cells with one write are about.
    pub(crate) fn all() -> Vec<Self> {
        let mut topics = Vec::new();
        for component in Component::ALL {
            let knockout = (component == Component::Pattern).then_some(PatchValue::Knockout);
            for value in [PatchValue::Other, PatchValue::Zero, PatchValue::Mean].into_iter().chain(knockout) {
                for direction in [Direction::Noising, Direction::Denoising] {
                    for corruption in Corruption::ALL {
                        let writes = Writes::One;
                        topics.push(Self { component, value, direction, corruption, writes });
                    }
                }
            }
        }
        topics
    }

    /// Paths from everything that sends.
    pub(crate) fn paths() -> Vec<Self> {
        let senders = [Component::Z, Component::AttnOut, Component::MlpOut, Component::ResidPre];
        let sends = |topic: &Self| senders.contains(&topic.component);
        Self::all().into_iter().filter(sends).map(|topic| Self { writes: Writes::Paths, ..topic }).collect()
    }

    /// The same with several writes.
    pub(crate) fn several() -> Vec<Self> {
        Self::all().into_iter().map(|topic| Self { writes: Writes::Several, ..topic }).collect()
    }
}

/// Prompts, and the vocabulary of their tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) d_vocab: u32,
    pub(crate) positions: u32,
    /// What may be listed as a position: positions, or spots.
    pub(crate) listed: u32,
    pub(crate) prompts: u32,
}

/// A case.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) model: ModelDraw,
    pub(crate) context: SweepContext,
    pub(crate) cut: Cut,
}

/// How a sweep's work is cut; the scores do not depend on it.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    /// Tile of each cell, taken again from the start where there are more cells.
    pub(crate) tile_of_cell: Vec<usize>,
    /// Prompts at which another tile starts, ascending.
    pub(crate) prompts: Vec<u32>,
    /// Bytes that the engine may take.
    pub(crate) memory_budget: u64,
}

/// Room for some hundred rows beside the largest model.
pub(crate) const LITTLE: u64 = 1_400_000;

pub(super) fn cuts(prompts: u32, model: &Architecture) -> impl Strategy<Value = Cut> + use<> {
    let places: Vec<u32> = (1..prompts).collect();
    let most = places.len();
    let tiles = prop_oneof![Just(vec![0]), vec(0..3usize, 1..20)];
    let memory_budget = select(vec![LITTLE, 1 << 30, streaming_budget(model).unwrap_or(LITTLE)]);
    (tiles, subsequence(places, 0..=most), memory_budget).prop_map(|(tile_of_cell, prompts, memory_budget)| Cut {
        tile_of_cell,
        prompts,
        memory_budget,
    })
}

/// A byte less than the model needs to be on the device as a whole, if that is enough for it to stream.
fn streaming_budget(model: &Architecture) -> Option<u64> {
    let weights = WeightBytes::of(model, Dtype::Float32);
    let budget = weights.all() + LEAST_BESIDE - 1;
    (weights.placement(budget, 1, false) == Some(Placement::Streamed)).then_some(budget)
}

pub(super) fn contexts(architecture: Architecture, sizes: Sizes, topic: Topic) -> impl Strategy<Value = SweepContext> {
    let grids = grids(&architecture, sizes.listed, topic).boxed();
    contexts_over(architecture, sizes, topic.direction, topic.corruption, grids)
}

/// Sweeps over some grids.
pub(super) fn contexts_over(
    architecture: Architecture,
    sizes: Sizes,
    direction: Direction,
    corruption: Corruption,
    grids: BoxedStrategy<Vec<Grid>>,
) -> impl Strategy<Value = SweepContext> {
    candidates(sizes.d_vocab).prop_flat_map(move |candidates| {
        let drawn = drawn_iterations(sizes, corruption, &candidates);
        (token_ids(sizes), drawn, metrics(candidates, sizes), grids.clone()).prop_map({
            let architecture = architecture.clone();
            move |(clean, iterations, metrics, grids)| SweepContext {
                model: ModelRef::folder("model").expect("a plain name"),
                architecture: architecture.clone(),
                dtype: Dtype::Float32,
                tf32: false,
                direction,
                iterations: iterations.iter().map(|drawn| drawn.over(&clean, &metrics)).collect(),
                metrics,
                grids,
                clean,
                per_prompt: true,
                replicates: 1,
                groups: Groups::default(),
            }
        })
    })
}

/// Cases about a topic. A failing one is made smaller in its sizes, axes and positions.
pub(crate) fn scenarios(kind: Kind, topic: Topic) -> impl Strategy<Value = Scenario> {
    (2..=9u32, 1..=5u32).prop_flat_map(move |(positions, prompts)| {
        models(kind, topic.component, positions).prop_flat_map(move |model| {
            let architecture = model.architecture();
            let sizes = Sizes { d_vocab: architecture.d_vocab, positions, listed: positions, prompts };
            let cuts = cuts(prompts, &architecture);
            (Just(model), contexts(architecture, sizes, topic), cuts).prop_map(|(model, context, cut)| Scenario {
                model,
                context,
                cut,
            })
        })
    })
}
