//! A sweep of very many cells on a model that nobody computes.

use std::fs;
use std::path::{Path, PathBuf};

use patchsweep_core::status::PlanOptions;
use patchsweep_files::locate::ModelFolders;
use patchsweep_plan::Plan;
use patchsweep_plan::spec::Source;
use patchsweep_serve::server::make_plan;
use serde_json::json;
use tempfile::TempDir;

use crate::{Spec, spec};

/// The first position is corrupted and the last one read, so that only patches of the last layer can be no-ops.
fn sample() -> Spec {
    spec("bulk")
        .model("bulk")
        .tokens("tokens.json")
        .metric_of(json!({ "kind": "logit_diff_max", "candidate_ids": [1, 2, 3] }))
        .iteration(json!({ "corrupt": [0], "read": -1, "answer": 0 }))
        .grid("z", &["layer", "pos", "head"])
}

/// Positions of its prompts and heads of its layers.
const SIDE: u32 = 100;

/// A spec, its dataset and its model's config in a folder.
#[derive(Debug)]
pub struct Bulk {
    folder: TempDir,
    dataset: String,
    options: PlanOptions,
}

impl Bulk {
    /// One prompt and 10,000 cells for each layer, of which the last one has 100 that are no no-ops, cut into tiles of about so many multiply-adds.
    ///
    /// # Panics
    /// When the temporary folder cannot be filled.
    #[must_use]
    pub fn new(layers: u32, tile_multiply_adds: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clean: Vec<u32> = (0..SIDE).map(|pos| 1 + pos % 10).collect();
        let mut corrupted = clean.clone();
        corrupted[0] = 11;
        let dataset = json!({ "clean": [clean], "corrupted": [[corrupted]], "answers": [[1]] }).to_string();
        let config = json!({
            "model_type": "gpt2", "n_layer": layers, "n_head": SIDE, "n_embd": SIDE, "n_inner": 4 * SIDE,
            "vocab_size": 16, "n_positions": SIDE, "n_ctx": SIDE, "layer_norm_epsilon": 1e-5,
            "activation_function": "gelu_new",
        });
        let file = |name: &str| folder.path().join(name);
        fs::create_dir(file("bulk")).expect("a model folder");
        fs::write(file("bulk/config.json"), config.to_string()).expect("a config");
        fs::write(file("tokens.json"), &dataset).expect("a dataset");
        fs::write(file("bulk.toml"), sample().to_string()).expect("a spec");
        let options = PlanOptions { tile_multiply_adds: Some(tile_multiply_adds), tile_prompts: None, for_gpus: false };
        Self { folder, dataset, options }
    }

    /// Where its model is looked up.
    #[must_use]
    pub fn models(&self) -> &Path {
        self.folder.path()
    }

    /// Arguments of `patchsweep submit`.
    ///
    /// # Panics
    /// When the temporary folder has an odd name.
    #[must_use]
    pub fn submission(&self) -> [String; 3] {
        let spec: PathBuf = self.folder.path().join("bulk.toml");
        let size = self.options.tile_multiply_adds.unwrap_or_default().to_string();
        [spec.to_str().expect("a plain path").to_owned(), "--tile-multiply-adds".to_owned(), size]
    }

    /// What the coordinator makes of it.
    ///
    /// # Panics
    /// When the spec is refused.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let folders = ModelFolders::with_hub_cache(vec![self.models().to_owned()]);
        make_plan(&folders, &Source::new(sample().to_string()), &self.dataset, self.options).expect("the spec is right")
    }
}
