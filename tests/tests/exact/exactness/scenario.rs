//! A random sweep on a random model, and how it is cut.

use patchsweep_core::architecture::{Architecture, Sizes as ModelSizes};
use patchsweep_core::context::{Direction, SweepContext};
use patchsweep_core::grid::{Component, PatchValue};
use patchsweep_core::model::{Dtype, ModelRef};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::grids::grids;
use super::iterations::{Corruption, candidates, drawn_iterations, token_ids};
use super::metrics::metrics;
use super::model::{ModelDraw, models};

/// What a case is about; everything else is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Topic {
    pub(crate) component: Component,
    pub(crate) value: PatchValue,
    pub(crate) direction: Direction,
    pub(crate) corruption: Corruption,
}

impl Topic {
    /// Every combination.
    pub(crate) fn all() -> Vec<Self> {
        let mut topics = Vec::new();
        for component in Component::ALL {
            for value in [PatchValue::Other, PatchValue::Zero, PatchValue::Mean] {
                for direction in [Direction::Noising, Direction::Denoising] {
                    for corruption in Corruption::ALL {
                        topics.push(Self { component, value, direction, corruption });
                    }
                }
            }
        }
        topics
    }
}

/// How many of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) shape: ModelSizes,
    pub(crate) positions: u32,
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

/// Narrower models are left out: a layer norm over two or three numbers is nearly a step function, which no arithmetic in
/// float32 follows closely.
const LEAST_WIDTH: u32 = 6;

fn sizes() -> impl Strategy<Value = Sizes> {
    let model = (1..=4u32, 1..=4u32, 2..=8u32, 4..=40u32, 20..=60u32);
    (model, 2..=9u32, 0..=3u32, 1..=5u32).prop_map(|(model, positions, unused_positions, prompts)| {
        let (layers, heads, d_head, d_mlp, d_vocab) = model;
        let d_model = heads * d_head.max(LEAST_WIDTH.div_ceil(heads));
        let shape = ModelSizes { layers, heads, d_model, d_mlp, d_vocab, n_ctx: positions + unused_positions };
        Sizes { shape, positions, prompts }
    })
}

pub(super) fn cuts(sizes: Sizes) -> impl Strategy<Value = Cut> {
    let places: Vec<u32> = (1..sizes.prompts).collect();
    let most = places.len();
    let tiles = prop_oneof![Just(vec![0]), vec(0..3usize, 1..20)];
    // The smaller budget has room for some hundred rows beside the largest model.
    let memory_budget = select(vec![1_400_000, 1 << 30]);
    (tiles, subsequence(places, 0..=most), memory_budget).prop_map(|(tile_of_cell, prompts, memory_budget)| Cut {
        tile_of_cell,
        prompts,
        memory_budget,
    })
}

fn contexts(sizes: Sizes, topic: Topic) -> impl Strategy<Value = SweepContext> {
    candidates(sizes.shape.d_vocab).prop_flat_map(move |candidates| {
        let drawn = drawn_iterations(sizes, topic.corruption, &candidates);
        (token_ids(sizes), drawn, metrics(candidates, sizes.shape.d_vocab), grids(sizes, topic)).prop_map(
            move |(clean, iterations, metrics, grids)| SweepContext {
                model: ModelRef::folder("model").expect("a plain name"),
                architecture: Architecture::plain(sizes.shape),
                dtype: Dtype::Float32,
                tf32: false,
                direction: topic.direction,
                iterations: iterations.iter().map(|drawn| drawn.over(&clean)).collect(),
                metrics,
                grids,
                clean,
                per_prompt: true,
                replicates: 1,
            },
        )
    })
}

/// Cases about a topic. A failing one is made smaller in its sizes, axes and positions; other weights and tokens would make
/// it no simpler.
pub(crate) fn scenarios(topic: Topic) -> impl Strategy<Value = Scenario> {
    sizes().prop_flat_map(move |sizes| {
        (models(sizes.shape), contexts(sizes, topic), cuts(sizes)).prop_map(|(model, context, cut)| Scenario {
            model,
            context,
            cut,
        })
    })
}
