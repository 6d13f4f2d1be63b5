//! Plans, and what must hold of every one of them.

use std::sync::LazyLock;

use patchsweep_core::model::ModelConfig;
use patchsweep_core::status::PlanOptions;
use patchsweep_core::tile::TileWork;
use patchsweep_plan::spec::{Source, Spec};
use patchsweep_plan::{Inputs, Plan, PlanError, PromptTokenizer};
use patchsweep_proto::wire::{decode_context, digest_of, encode_context, refuse_tile};

const TINY: &str = r#"{"model_type": "gpt2", "n_layer": 3, "n_head": 2, "n_embd": 4, "vocab_size": 30, "n_positions": 8,
    "bos_token_id": 0}"#;

/// Which model a spec is planned for, whatever it names.
#[derive(Clone, Copy)]
pub enum Model {
    /// That of `data/acronym-gpt2`.
    Embedded,
    /// One of three layers and two heads, with 30 tokens and 8 positions.
    WithoutTokenizer,
}

static CONFIGS: LazyLock<[ModelConfig; 2]> = LazyLock::new(|| {
    let embedded = include_str!("../../../data/acronym-gpt2/config.json");
    [embedded, TINY].map(|text| ModelConfig::from_json(text).expect("a config"))
});

static TOKENIZER: LazyLock<PromptTokenizer> = LazyLock::new(|| {
    let json = include_str!("../../../data/acronym-gpt2/tokenizer.json");
    PromptTokenizer::from_json(json).expect("a tokenizer")
});

/// Plans a sweep; what is planned is what workers accept, and what is refused says where.
///
/// # Panics
/// When that does not hold.
pub fn plan(source: &Source, spec: &Spec, dataset: &str, model: Model) {
    let tokenizer = matches!(model, Model::Embedded).then(|| &*TOKENIZER);
    let inputs = Inputs { source, spec, dataset, config: &CONFIGS[model as usize], tokenizer };
    let few_prompts = PlanOptions { tile_prompts: Some(3), tile_multiply_adds: Some(1 << 40), for_gpus: false };
    for options in [PlanOptions::default(), few_prompts] {
        match Plan::build(&inputs, options) {
            Ok(plan) => hold(&plan),
            Err(error) => {
                let message = error.to_string();
                let is_placed = !matches!(error, PlanError::Spec(_)) || message.starts_with("spec line ");
                assert!(is_placed && !message.is_empty(), "a place is named: {message}");
                return;
            }
        }
    }
}

fn hold(plan: &Plan) {
    let context = decode_context(&encode_context(&plan.context)).expect("workers accept what is planned");
    assert_eq!(context, *plan.context);
    assert_eq!(digest_of(&context), plan.digest);
    assert_eq!(plan.tiles.len(), plan.costs.len());
    for tile in &plan.tiles {
        refuse_tile(tile, &context).expect("workers accept what is planned");
        if let TileWork::Patch { grid, cells, .. } = &tile.work {
            let grid = &context.grids[*grid as usize];
            let last = cells.last().expect("a tile has cells");
            assert!(!grid.cell(last.end - 1).positions().is_empty());
        }
    }
    assert!(plan.summarize().len() == context.grids.len());
    let unchanged = (0..context.iterations.len()).map(|iteration| plan.unchanged_prompts(iteration));
    assert!(unchanged.max() <= Some(context.clean.prompts()));
}
