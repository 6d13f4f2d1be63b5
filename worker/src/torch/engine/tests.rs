mod models;

use std::path::Path;
use std::thread;

use patchsweep_core::architecture::{Architecture, Sizes};
use patchsweep_core::context::{Direction, Iteration};
use patchsweep_core::grid::{Axis, Component, Grid};
use patchsweep_core::ids::TileId;
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::tile::TileWork;
use patchsweep_core::tokens::TokenMatrix;

use super::*;

/// The embedded model's.
const SIZES: Sizes = Sizes { layers: 4, heads: 4, d_model: 128, d_mlp: 512, d_vocab: 577, n_ctx: 32 };

const POSITIONS: u32 = 16;

/// So many that they take far longer than it takes to cancel them.
const PROMPTS: u32 = 4000;

fn engine() -> TorchEngine {
    let roots = vec![Path::new(patchsweep_data::files::FOLDER).to_owned()];
    TorchEngine::new(Device::Cpu, ModelFolders { roots, hub_cache: None }, 256 << 20)
}

fn context() -> SweepContext {
    let tokens = |seed: u32| {
        let ids = (0..PROMPTS * POSITIONS).map(|place| place.wrapping_mul(seed) % SIZES.d_vocab).collect();
        TokenMatrix::from_flat(PROMPTS, POSITIONS, ids).expect("a matrix")
    };
    let iteration = Iteration {
        corrupted: tokens(7919),
        noise: None,
        reads: vec![POSITIONS - 1],
        answers: vec![1; PROMPTS as usize],
        wrong_answers: Vec::new(),
    };
    let kind = MetricKind::LogitDiffMax { candidates: vec![1, 2] };
    let axes = vec![Axis::Layer, Axis::Pos];
    SweepContext {
        model: ModelRef::Folder("acronym-gpt2".into()),
        architecture: Architecture::plain(SIZES),
        dtype: Dtype::Float32,
        tf32: false,
        direction: Direction::Noising,
        clean: tokens(104_729),
        iterations: vec![iteration],
        metrics: vec![Metric { name: "m".into(), kind, normalize: false }],
        grids: vec![
            Grid::new("g".into(), Component::ResidPre, axes, &Architecture::plain(SIZES), POSITIONS).expect("a grid"),
        ],
        per_prompt: false,
        replicates: 1,
    }
}

fn tile(prompts: u32) -> Tile {
    let cells = SIZES.layers * POSITIONS;
    let work = TileWork::Patch { grid: 0, cells: std::iter::once(0..cells).collect(), plain: false };
    Tile { id: TileId(0), iteration: 0, prompts: 0..prompts, work }
}

#[test]
fn a_cancelled_tile_ends_and_the_next_one_has_the_right_scores() {
    let (context, mut engine) = (context(), engine());
    let cancel = Cancel::new();
    let in_thread = cancel.clone();
    let asked = thread::spawn(move || {
        while !in_thread.is_watched() {
            thread::yield_now();
        }
        in_thread.cancel();
    });
    let cancelled = engine.evaluate(&context, &tile(PROMPTS), None, &cancel);
    assert!(matches!(cancelled, Err(EngineError::Cancelled)), "{cancelled:?}");
    asked.join().expect("the tile was begun");

    let after = engine.evaluate(&context, &tile(8), None, &Cancel::new()).expect("computed");
    let undisturbed = self::engine().evaluate(&context, &tile(8), None, &Cancel::new()).expect("computed");
    assert_eq!(
        (after.scores.clone(), after.model, after.work),
        (undisturbed.scores, undisturbed.model, undisturbed.work)
    );
    assert!(after.scores.scores.iter().any(|score| score.effect.mean.abs() > 1e-3), "the patches do something");
}

#[test]
fn a_tile_that_is_cancelled_before_it_begins_loads_no_model() {
    let (context, mut engine) = (context(), engine());
    let cancel = Cancel::new();
    cancel.cancel();
    let cancelled = engine.evaluate(&context, &tile(8), None, &cancel);
    assert!(matches!(cancelled, Err(EngineError::Cancelled)), "{cancelled:?}");
    assert_eq!(engine.models.names(), []);
}

#[test]
fn another_model_than_expected_computes_nothing() {
    let (context, mut engine) = (context(), engine());
    let expected = Digest([3; 32]);
    let error = engine.evaluate(&context, &tile(8), Some(expected), &Cancel::new()).expect_err("another model");
    let EngineError::OtherModel { found, wanted, .. } = error else { panic!("{error}") };
    assert_eq!(wanted, expected);
    let right = engine.evaluate(&context, &tile(8), Some(found), &Cancel::new()).expect("the model expected");
    assert_eq!(right.model, found);
}
