//! Sweeps that differ in one thing, tile by tile in turns on one engine: what is kept of one is not taken for the other's.

use std::path::Path;

use patchsweep_core::context::SweepContext;
use patchsweep_core::scores::TileScores;
use patchsweep_core::tile::Tile;
use patchsweep_plan::cut;
use patchsweep_worker::engine::{Cancel, Engine};
use patchsweep_worker::torch::TorchEngine;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::engine::engine;
use super::case::Case;
use super::check::{TILES, write};
use super::differences::Difference;

/// How many tiles of both sweeps have other scores than the same tile of the other one; `None`: the case does not have what they
/// would differ in.
pub(super) fn check_interleaved(case: &Case, difference: Difference) -> Result<Option<usize>, String> {
    let folder = write(case);
    let root = folder.path();
    let Some(other) = difference.other(case, root) else { return Ok(None) };
    // Other weights beside the first ones would leave less for what is computed at once.
    let memory_budget = if other.model == case.context.model && other.dtype == case.context.dtype {
        case.delivery.memory_budget
    } else {
        1 << 30
    };
    let sweeps = [&case.context, &other].map(|context| Sweep::new(context, root, memory_budget));
    let mut turns: Vec<(usize, usize)> =
        (0..2).flat_map(|sweep| (0..sweeps[sweep].tiles.len()).map(move |tile| (tile, sweep))).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(case.delivery.seed);
    if rng.random() {
        turns.shuffle(&mut rng);
    } else {
        // Each tile of one sweep behind the same one of the other.
        turns.sort_unstable();
    }
    let mut warm = engine(root, memory_budget);
    for (tile, sweep) in turns {
        let Sweep { context, tiles, cold } = &sweeps[sweep];
        if bits(&scores(&mut warm, context, &tiles[tile])) != bits(&cold[tile]) {
            let which = ["the first", "the other"][sweep];
            return Err(format!("{difference:?}: {which} sweep's {:?} differs from a cold engine's", tiles[tile]));
        }
    }
    let [first, other] = &sweeps;
    let alike = |tile: &Tile| other.tiles.iter().position(|own| own == tile);
    let pairs =
        first.tiles.iter().zip(&first.cold).filter_map(|(tile, scores)| Some((scores, &other.cold[alike(tile)?])));
    Ok(Some(pairs.filter(|(first, other)| bits(first) != bits(other)).count()))
}

/// A sweep, and what an engine says that computes nothing else.
struct Sweep<'a> {
    context: &'a SweepContext,
    tiles: Vec<Tile>,
    cold: Vec<TileScores>,
}

impl<'a> Sweep<'a> {
    fn new(context: &'a SweepContext, root: &Path, memory_budget: u64) -> Self {
        let (tiles, _) = cut(context, TILES).expect("few tiles");
        let mut engine = engine(root, memory_budget);
        let cold = tiles.iter().map(|tile| scores(&mut engine, context, tile)).collect();
        Self { context, tiles, cold }
    }
}

fn scores(engine: &mut TorchEngine, context: &SweepContext, tile: &Tile) -> TileScores {
    engine.evaluate(context, tile, None, &Cancel::new()).expect("the engine computes the tile").scores
}

fn bits(scores: &TileScores) -> Vec<u64> {
    let of_cells = scores.scores.iter().flat_map(|score| [score.value, score.effect]);
    let moments = of_cells.flat_map(|moments| [moments.count, moments.mean.to_bits(), moments.m2.to_bits()]);
    moments.chain(scores.by_prompt.iter().map(|effect| effect.to_bits().into())).collect()
}
