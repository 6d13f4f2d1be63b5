//! A small sweep whose scores are made up: for tests that are about who computes what and when.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_core::results::{CellStatus, SweepResults};
use patchsweep_core::tile::Tile;
use patchsweep_files::locate::ModelFolders;
use patchsweep_plan::Plan;
use patchsweep_plan::spec::Source;
use patchsweep_proto::v1::{PlanOptions, Submission};
use patchsweep_serve::merge::{TileOutcome, merge};
use patchsweep_serve::server::make_plan;
use serde_json::json;
use tempfile::TempDir;

use crate::simulation::made_up_scores;
use crate::{Spec, spec};

fn sample(model: &str) -> Spec {
    spec("tiny")
        .model(model)
        .tokens("tokens.json")
        .metric_of(json!({ "kind": "logit_diff_max", "candidate_ids": [1, 2, 3] }))
        .iteration(json!({ "corrupt": [1, 2], "read": 5, "answer": 0 }))
        .iteration(json!({ "corrupt": [3], "read": 5, "answer": 1 }))
        .grid("resid_pre", &["layer", "pos"])
        .grid("z", &["layer", "head"])
}

const CONFIG: &str = r#"{"model_type": "gpt2", "n_layer": 4, "n_head": 2, "n_embd": 8, "n_inner": 32, "vocab_size": 16,
    "n_positions": 16, "n_ctx": 16, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"}"#;

/// Two models of its sizes, by name; its spec names the first.
pub const MODELS: [&str; 2] = ["tiny", "other"];

/// How the sweep is cut into tiles: of this many multiply-adds, more or less.
pub const TILE_MULTIPLY_ADDS: u64 = 12_000;

/// Most prompts of a tile: half of them, so that each cell is in two tiles.
pub const TILE_PROMPTS: u32 = 2;

/// The sweep, and a folder with its models' configs.
#[derive(Debug)]
pub struct Tiny {
    models: TempDir,
    submission: Submission,
    plan: Plan,
}

impl Tiny {
    /// Plans it.
    ///
    /// # Panics
    /// When the temporary folder cannot be filled.
    #[must_use]
    pub fn new() -> Self {
        let models = tempfile::tempdir().expect("a temporary folder");
        for model in MODELS {
            fs::create_dir(models.path().join(model)).expect("a model folder");
            fs::write(models.path().join(model).join("config.json"), CONFIG).expect("a config");
        }
        let options =
            PlanOptions { tile_multiply_adds: TILE_MULTIPLY_ADDS, tile_prompts: TILE_PROMPTS, for_gpus: false };
        let dataset = tokens();
        let folders = ModelFolders::with_hub_cache(vec![models.path().to_owned()]);
        let spec = sample(MODELS[0]).to_string();
        let plan = make_plan(&folders, &Source::new(spec.clone()), &dataset, options.into());
        let submission = Submission { spec, dataset, options: Some(options), ..Submission::default() };
        Self { plan: plan.expect("the spec is right"), models, submission }
    }

    /// What a client sends.
    #[must_use]
    pub fn submission(&self) -> Submission {
        self.submission.clone()
    }

    /// The same sweep cut into other tiles: what a client sends, and what the coordinator makes of it.
    ///
    /// # Panics
    /// When it cannot be cut so.
    #[must_use]
    pub fn cut(&self, options: PlanOptions) -> (Submission, Plan) {
        let submission = Submission { options: Some(options), ..self.submission() };
        let folders = ModelFolders::with_hub_cache(vec![self.models().to_owned()]);
        let plan = make_plan(&folders, &Source::new(submission.spec.clone()), &submission.dataset, options.into());
        (submission, plan.expect("the spec is right"))
    }

    /// What a client sends for the same sweep of one of the models. The scores are as expected of any.
    #[must_use]
    pub fn submission_of(&self, model: &str) -> Submission {
        Submission { spec: sample(model).to_string(), ..self.submission.clone() }
    }

    /// The spec's file, beside its dataset, for a client command.
    ///
    /// # Panics
    /// When the temporary folder cannot be filled.
    #[must_use]
    pub fn spec_file(&self) -> PathBuf {
        let spec = self.models().join("spec.toml");
        fs::write(&spec, &self.submission.spec).expect("a written spec");
        fs::write(self.models().join("tokens.json"), &self.submission.dataset).expect("a written dataset");
        spec
    }

    /// What the coordinator makes of it.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where its models are looked up.
    #[must_use]
    pub fn models(&self) -> &Path {
        self.models.path()
    }

    /// What one process that computes tile after tile would give; the manifest is left empty.
    ///
    /// # Panics
    /// When the tiles do not make a whole.
    #[must_use]
    pub fn expected(&self) -> SweepResults {
        expected(&self.plan)
    }
}

/// What one process that computes a plan tile after tile would give; the manifest is left empty.
///
/// # Panics
/// When the tiles do not make a whole.
#[must_use]
pub fn expected(plan: &Plan) -> SweepResults {
    let metrics = plan.context.metrics.len();
    let scores = |tile: &Tile| Ok::<_, Infallible>((tile.id, TileOutcome::Scores(made_up_scores(tile, metrics))));
    let merged = merge(plan, plan.tiles.iter().map(scores)).expect("all tiles");
    merged.into_results(plan, String::new())
}

impl Default for Tiny {
    fn default() -> Self {
        Self::new()
    }
}

/// Four prompts of six tokens.
fn tokens() -> String {
    let prompts = |shift: u32| -> Vec<Vec<u32>> {
        (0..4).map(|prompt| (0..6).map(|pos| 1 + (prompt * 5 + pos * 3 + shift) % 15).collect()).collect()
    };
    let clean = prompts(0);
    let corrupted = |positions: &[usize]| -> Vec<Vec<u32>> {
        let other = prompts(7);
        let mut corrupted = clean.clone();
        for (prompt, other) in corrupted.iter_mut().zip(&other) {
            for &pos in positions {
                prompt[pos] = other[pos];
            }
        }
        corrupted
    };
    let answers = [[1, 2], [2, 3], [3, 1], [1, 1]];
    json!({ "clean": clean, "corrupted": [corrupted(&[1, 2]), corrupted(&[3])], "answers": answers }).to_string()
}

/// All tensors of some results, bit by bit.
#[must_use]
pub fn bits(results: &SweepResults) -> Vec<Vec<u32>> {
    let floats = |floats: &[f32]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
    let statuses = |list: &[CellStatus]| list.iter().map(|status| status.number()).collect::<Vec<_>>();
    let runs = results.clean.iter().chain(&results.corrupted);
    let baselines = runs.flat_map(|run| [&run.mean, &run.stderr]).map(|list| floats(list));
    let grids = results
        .grids
        .iter()
        .flat_map(|grid| [floats(&grid.effect), floats(&grid.value), floats(&grid.stderr), statuses(&grid.status)]);
    baselines.chain(grids).collect()
}
