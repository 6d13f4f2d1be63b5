//! A sweep of the embedded model that takes as long as a test wants, over made-up tokens.

use patchsweep_core::architecture::{Architecture, Sizes};
use patchsweep_core::context::{Direction, Iteration, SweepContext};
use patchsweep_core::grid::{Axis, Component, Grid};
use patchsweep_core::groups::Groups;
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::tile::TileWork;
use patchsweep_core::tokens::TokenMatrix;

/// The embedded model's.
pub const SIZES: Sizes = Sizes { layers: 4, heads: 4, d_model: 128, d_mlp: 512, d_vocab: 577, n_ctx: 32 };

const POSITIONS: u32 = 16;

/// `resid_pre` over layers and positions, of so many prompts whose tokens all differ between the runs.
///
/// # Panics
/// When there are more prompts than 32 bits count tokens of.
#[must_use]
pub fn of_prompts(prompts: u32) -> SweepContext {
    let tokens = |step: u32| {
        let ids = (0..prompts * POSITIONS).map(|place| place.wrapping_mul(step) % SIZES.d_vocab).collect();
        TokenMatrix::from_flat(prompts, POSITIONS, ids).expect("a matrix")
    };
    let iteration = Iteration {
        corrupted: tokens(7919),
        noise: None,
        reads: vec![POSITIONS - 1],
        answers: vec![1; prompts as usize],
        wrong_answers: Vec::new(),
    };
    let kind = MetricKind::LogitDiffMax { candidates: vec![1, 2] };
    let axes = vec![Axis::Layer, Axis::Pos];
    let architecture = Architecture::plain(SIZES);
    SweepContext {
        model: ModelRef::Folder("acronym-gpt2".into()),
        grids: vec![Grid::new("g".into(), Component::ResidPre, axes, &architecture, POSITIONS).expect("a grid")],
        architecture,
        dtype: Dtype::Float32,
        tf32: false,
        direction: Direction::Noising,
        clean: tokens(104_729),
        iterations: vec![iteration],
        metrics: vec![Metric { name: "m".into(), kind, normalize: false }],
        per_prompt: false,
        replicates: 1,
        groups: Groups::default(),
    }
}

/// All cells of that sweep.
#[must_use]
pub fn all_cells() -> TileWork {
    TileWork::Patch { grid: 0, cells: std::iter::once(0..SIZES.layers * POSITIONS).collect(), plain: false }
}
