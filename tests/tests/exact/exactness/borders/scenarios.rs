//! Random sweeps beyond a border.

use patchsweep_core::also::Also;
use patchsweep_core::architecture::Architecture;
use patchsweep_core::causality::Suffix;
use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use proptest::prelude::*;

use super::super::model::{Kind, ModelDraw, models};
use super::super::scenario::{Cut, Scenario, Sizes, Topic, contexts};
use super::Border;

/// Sizes that go beyond a border.
struct Beyond {
    positions: u32,
    prompts: u32,
    memory_budget: u64,
}

impl Border {
    fn beyond(self) -> Beyond {
        match self {
            // Room for 2^14 logits, which 36 rows of 600 tokens have.
            Self::Vocabulary => Beyond { positions: 3, prompts: 12, memory_budget: 1_500_000 },
            // 4140 rows of a cell.
            Self::MlpRows => Beyond { positions: 9, prompts: 460, memory_budget: 1 << 30 },
            // 1.9 million for each cell of 24 heads; ten cells are in a batch.
            Self::Probabilities => Beyond { positions: 100, prompts: 8, memory_budget: 1 << 30 },
        }
    }

    fn changed(self, model: ModelDraw, d_vocab: u32) -> ModelDraw {
        let ModelDraw::Described(mut model) = model else { return model };
        match self {
            Self::Vocabulary => model.architecture.d_vocab = d_vocab,
            Self::MlpRows => {}
            Self::Probabilities => (model.architecture.kv_heads, model.architecture.heads) = (4, 24),
        }
        ModelDraw::Described(model)
    }

    fn grid(self, grid: Grid, model: &Architecture) -> Grid {
        match self {
            Self::Vocabulary => grid,
            Self::MlpRows => first_cell(grid),
            Self::Probabilities => heads(&grid, model),
        }
    }
}

/// The cell of its first layer, position, head and so on.
fn first_cell(grid: Grid) -> Grid {
    let axes = grid.axes.clone();
    let restricted = |grid: Grid, axis: Axis| {
        let first = grid.indices(axis)[0];
        grid.restricted(axis, vec![first]).expect("one of its indices")
    };
    axes.into_iter().fold(grid, restricted)
}

/// Rows of a cell's runs behind their first block, whatever is read.
fn rows(context: &SweepContext) -> u32 {
    let prompts = context.clean.prompts();
    let pairs: Vec<_> = (0..prompts).map(|prompt| context.prompt_pair(0, prompt)).collect();
    let suffix = Suffix::of(&context.grids[0].cell(0), &pairs, &context.architecture);
    suffix.map_or(0, |suffix| prompts * (context.last_read() + 1 - suffix.first))
}

/// Half of the heads: of `z` in the first layer, each a cell; or, if the drawn grid writes more than one place, their patterns in the
/// second layer, behind what every cell writes in the first one.
fn heads(drawn: &Grid, model: &Architecture) -> Grid {
    let positions = Border::Probabilities.beyond().positions;
    let several = drawn.has_several_writes();
    let (component, layer) = if several { (Component::Pattern, 1) } else { (Component::Z, 0) };
    let grid = Grid::new("heads".to_owned(), component, vec![Axis::Layer, Axis::Head], model, positions);
    let grid = grid.and_then(|grid| grid.restricted(Axis::Layer, vec![layer])).expect("a layer");
    let some = (0..model.heads).step_by(2).collect();
    let grid = grid.restricted(Axis::Head, some).expect("heads").patched_with(drawn.value);
    if !several {
        return grid;
    }
    let before = Also {
        component: Component::Z,
        layer: 0,
        heads: vec![3],
        neurons: [].into(),
        positions: (0..positions).collect(),
        sources: Vec::new(),
        value: PatchValue::Other,
    };
    grid.with_also(before, model, positions).expect("a place")
}

/// Cases about a topic beyond a border: one iteration and one grid, which everything is read behind.
pub(crate) fn scenarios(border: Border, topic: Topic) -> impl Strategy<Value = Scenario> {
    let Beyond { positions, prompts, memory_budget } = border.beyond();
    let model = (models(Kind::Described, topic.component, positions), 600..=900u32);
    let model = model.prop_map(move |(model, d_vocab)| border.changed(model, d_vocab));
    // In the last block there are rows, and queries, of the read positions only.
    let least = if border == Border::Probabilities { 3 } else { 2 };
    let model = model.prop_filter("blocks before the last one", move |model| model.architecture().layers >= least);
    let scenarios = model.prop_flat_map(move |model| {
        let architecture = model.architecture();
        let sizes = Sizes { d_vocab: architecture.d_vocab, positions, listed: positions, prompts };
        (Just(model), contexts(architecture, sizes, topic)).prop_map(move |(model, mut context)| {
            context.iterations.truncate(1);
            if let Some(last) = context.iterations[0].reads.last_mut() {
                *last = positions - 1;
            }
            context.grids.truncate(1);
            context.grids = context.grids.into_iter().map(|grid| border.grid(grid, &context.architecture)).collect();
            let cut = Cut { tile_of_cell: vec![0], prompts: Vec::new(), memory_budget };
            Scenario { model, context, cut }
        })
    });
    scenarios.prop_filter("beyond the border", move |scenario| {
        let Scenario { context, .. } = scenario;
        let is_before_last = context.grids[0].indices(Axis::Layer)[0] + 1 < context.architecture.layers;
        border != Border::MlpRows || (is_before_last && rows(context) > 4096)
    })
}
