//! `patchsweep run --check` with a worker that the test plays.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_files::{WeightFiles, read_config};
use patchsweep_proto::v1::{FailureKind, Grant, TileResult};
use patchsweep_tests::random_model::RandomModel;
use patchsweep_tests::scripted::{ScriptedWorker, failure, tile_of};
use patchsweep_tests::tiny::{MODELS, TILE_MULTIPLY_ADDS, TILE_PROMPTS, Tiny};
use patchsweep_tests::{Running, program};
use serde_json::Value;
use tempfile::TempDir;

use super::liar::{computed, plain};

/// Says where its coordinator is, and lives until that one ends.
const WORKER: &str = "#!/bin/sh\necho \"a worker of $2\" >&2\nexec cat >/dev/null\n";

struct Stage {
    tiny: Tiny,
    /// Of the model's weights.
    digest: Vec<u8>,
    folder: TempDir,
}

/// How a run ended.
struct Ended {
    code: Option<i32>,
    log: Vec<String>,
}

impl Stage {
    fn new() -> Self {
        let (tiny, folder) = (Tiny::new(), tempfile::tempdir().expect("a temporary folder"));
        // Whoever runs a model wants weights of its shapes; nobody loads them.
        let weights = folder.path().join("weights");
        RandomModel { layers: 4, width: 8, vocabulary: 16, positions: 16 }.write(&weights);
        let file = "model.safetensors";
        let model = tiny.models().join(MODELS[0]);
        fs::copy(weights.join(file), model.join(file)).expect("a copy");
        let config = read_config(&model).expect("a config");
        let digest = WeightFiles::open(&model, &config).and_then(|files| files.digest(1)).expect("weights").0.to_vec();
        let worker = folder.path().join("worker");
        fs::write(&worker, WORKER).expect("a script");
        fs::set_permissions(&worker, fs::Permissions::from_mode(0o755)).expect("it may be run");
        Self { tiny, digest, folder }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Runs and checks the tiny sweep; `answer` is what the worker says of each tile that it is granted, and whether the tile
    /// is the check's.
    async fn run(&self, args: &[&str], mut answer: impl FnMut(&Grant, bool) -> TileResult) -> Ended {
        let text = |path: PathBuf| path.to_str().expect("a plain path").to_owned();
        let worker = format!("PATCHSWEEP_WORKER={}", text(self.folder.path().join("worker")));
        let [program, spec, out] = [program("patchsweep"), self.tiny.spec_file(), self.out()].map(text);
        let (multiply_adds, prompts) = (TILE_MULTIPLY_ADDS.to_string(), TILE_PROMPTS.to_string());
        let run = [&worker, &program, "run", &spec, "--out", &out, "--check"];
        let tiles = ["--tile-multiply-adds", &multiply_adds, "--tile-prompts", &prompts];
        let mut run = Running::start_command(Command::new("env"), &[&run[..], &tiles, args].concat());
        let line = run.wait_for("a worker of ");
        // What the run says itself may stand before it.
        let url = line.rsplit(' ').next().expect("a URL");
        let mut worker = ScriptedWorker::at(url, "played:1", 1).await;
        let answer = |grant: &Grant| {
            let result = answer(grant, is_of_check(grant));
            Some(TileResult { model_digest: self.digest.clone(), ..result })
        };
        worker.play(answer).await;
        Ended { code: run.wait().code(), log: run.log() }
    }
}

fn work(grant: &Grant) -> TileWork {
    Tile::try_from(grant.tile.clone().expect("a tile")).expect("a tile of a plan").work
}

fn is_of_check(grant: &Grant) -> bool {
    matches!(work(grant), TileWork::Patch { plain: true, .. })
}

#[tokio::test]
async fn a_check_that_fails_leaves_the_results_and_is_made_again_by_the_same_command() {
    let stage = Stage::new();
    let ended = stage.run(&[], |grant, is_of_check| match (is_of_check, tile_of(grant)) {
        (true, 0) => failure(grant, FailureKind::Attempt, "no room"),
        (true, _) => plain(&stage.tiny, grant, 0.0),
        (false, _) => computed(&stage.tiny, grant, None),
    });
    let Ended { code, log } = Box::pin(ended).await;
    assert_eq!(code, Some(1), "{log:#?}");
    let says = |text: &str| log.iter().any(|line| line.contains(text));
    assert!(says("is computed and its results are written, but they are not checked: sweep `tiny-check-"), "{log:#?}");
    assert!(says(" is partial: ") && says("no room"), "{log:#?}");
    assert!(says("the same command with --overwrite goes on from there") && !says("resume"), "{log:#?}");
    let scores = fs::read(stage.out().join("scores.npz")).expect("scores");

    let ended = stage.run(&["--overwrite"], |grant, is_of_check| {
        assert!(is_of_check, "it is computed already: {grant:?}");
        plain(&stage.tiny, grant, 0.0)
    });
    let Ended { code, log } = Box::pin(ended).await;
    assert_eq!(code, Some(0), "{log:#?}");
    let manifest = fs::read_to_string(stage.out().join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["check"]["agreed"], true, "{manifest}");
    assert!(fs::read(stage.out().join("scores.npz")).expect("scores") == scores, "they are the same scores");
    assert!(!stage.folder.path().join("out.state").exists());
}

#[tokio::test]
async fn a_run_that_a_check_does_not_agree_with_says_how_it_is_run_anew() {
    let stage = Stage::new();
    // Wherever it looks.
    let wrong = |grant: &Grant| (work(grant) != TileWork::Baseline).then(|| tile_of(grant));
    let ended = stage.run(&[], |grant, is_of_check| {
        if is_of_check { plain(&stage.tiny, grant, 0.0) } else { computed(&stage.tiny, grant, wrong(grant)) }
    });
    let Ended { code, log } = Box::pin(ended).await;
    assert_eq!(code, Some(1), "{log:#?}");
    assert!(
        log.last().is_some_and(|line| line.ends_with("the same command with --new and --overwrite does")),
        "{log:#?}"
    );
}
