//! Models that are larger than the memory budget.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use patchsweep_core::model::Dtype;
use patchsweep_core::weights::WeightBytes;
use patchsweep_files::ModelError;
use tch::{Device, Kind, Tensor};

use super::models::{embedded, engine_with, model_bytes, of};
use super::*;
use crate::torch::runs::recorder::Recorder;

/// Streams the embedded model, whose blocks take 0.8 MB each.
const BUDGET: u64 = 4 << 20;

fn open(folder: &Path, dtype: Dtype, placement: Placement) -> crate::torch::model::parameters::Model {
    let loader = Loader::open(folder, dtype, &cpu()).expect("a model's files");
    loader.load(placement).expect("a model")
}

/// The embedded model, and a small one of each family.
fn folders() -> Vec<PathBuf> {
    let families = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/families");
    let cases = fs::read_dir(families).expect("the families").map(|entry| entry.expect("a case").path().join("model"));
    cases.filter(|model| model.is_dir()).chain([embedded()]).collect()
}

/// The last residual stream of some tokens, and what is scored of it.
fn run(model: &crate::torch::model::parameters::Model) -> (Vec<f32>, u64) {
    let architecture = &model.architecture;
    let exec = Exec::new(model, architecture.n_ctx, 1 << 20, Cancel::new());
    let positions = i64::from(architecture.n_ctx.min(9));
    let tokens = Tensor::arange(3 * positions, (Kind::Int64, Device::Cpu)).remainder(i64::from(architecture.d_vocab));
    let resid = tch::no_grad(|| {
        let mut resid = exec.embed(&tokens.view([3, positions]));
        for layer in 0..architecture.layers {
            resid = exec.block(layer, &resid, None, &mut Recorder::new(&|_| false));
        }
        exec.final_norm(&resid, None).matmul(&model.unembed.to_kind(Kind::Float).transpose(0, 1))
    });
    (resid.flatten(0, -1).try_into().expect("numbers"), exec.streamed_bytes())
}

#[test]
fn streamed_blocks_are_the_resident_ones_to_the_last_bit() {
    let folders = folders();
    assert!(folders.len() > 20, "{folders:?}");
    for folder in folders {
        for dtype in [Dtype::Float32, Dtype::Bfloat16] {
            let (resident, none) = run(&open(&folder, dtype, Placement::Resident));
            let model = open(&folder, dtype, Placement::Streamed);
            let (streamed, bytes) = run(&model);
            let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&resident), bits(&streamed), "{} {dtype:?}", folder.display());
            let weights = WeightBytes::of(&model.architecture, dtype);
            assert_eq!((none, bytes), (0, weights.walk()), "each block comes once: {}", folder.display());
        }
    }
}

#[test]
fn embeddings_stay_in_files_of_the_same_dtype() {
    let resident = open(&embedded(), Dtype::Float32, Placement::Resident);
    let weights = WeightBytes::of(&resident.architecture, Dtype::Float32);
    let streamed = |dtype| open(&embedded(), dtype, Placement::Streamed).bytes();
    assert_eq!(streamed(Dtype::Float32), 2 * weights.block);
    assert_eq!(streamed(Dtype::Bfloat16), weights.block + (weights.all() - weights.walk()) / 2);
}

#[test]
fn a_model_larger_than_the_budget_has_the_same_scores() {
    let (_folder, mut small) = engine_with(&["a"], BUDGET);
    let (_other, mut large) = engine_with(&["a"], 64 * model_bytes());
    let mut evaluate = |work| {
        let tile = Tile { work, ..tile(16) };
        let compute =
            |engine: &mut TorchEngine| engine.evaluate(&of("a"), &tile, None, &Cancel::new()).expect("computed");
        let (streamed, resident) = (compute(&mut small), compute(&mut large));
        assert_eq!(resident.work.streamed_bytes, 0);
        assert!(streamed.work.streamed_bytes > 0);
        assert_eq!(streamed.model, resident.model);
        for (streamed, resident) in streamed.scores.scores.iter().zip(&resident.scores.scores) {
            let difference = (streamed.effect.mean - resident.effect.mean).abs();
            assert!(difference <= 1e-6, "{streamed:?} is not {resident:?}");
        }
    };
    let patterns = sweep::all_cells();
    let patchsweep_core::tile::TileWork::Patch { grid, cells, .. } = patterns.clone() else { panic!("patches") };
    evaluate(patterns);
    evaluate(patchsweep_core::tile::TileWork::Baseline);
    evaluate(patchsweep_core::tile::TileWork::Patch { grid, cells, plain: true });
    let seen = small.gauge().read();
    assert!(seen.memory.used <= seen.memory.budget, "{seen:?}");
}

/// The embedded model in a folder of its own, streamed.
fn streamed_copy() -> (tempfile::TempDir, PathBuf, crate::torch::model::parameters::Model) {
    let (folder, _) = engine_with(&["a"], BUDGET);
    let file = folder.path().join("a/model.safetensors");
    let model = open(&folder.path().join("a"), Dtype::Float32, Placement::Streamed);
    (folder, file, model)
}

#[test]
fn files_that_are_written_to_while_they_stream_are_noticed() {
    let (_folder, file, model) = streamed_copy();
    model.refuse_changed().expect("nobody wrote to it");
    OpenOptions::new().append(true).open(&file).and_then(|mut file| file.write_all(b" ")).expect("written");
    assert!(matches!(model.refuse_changed(), Err(ModelError::Changed { .. })));
}

#[test]
fn a_block_that_is_not_in_its_file_any_more_ends_the_tile_with_that_error() {
    let (_folder, file, model) = streamed_copy();
    let length = fs::metadata(&file).expect("a file").len();
    File::options().write(true).open(&file).and_then(|file| file.set_len(length / 4)).expect("cut");
    let exec = Exec::new(&model, 8, 1 << 20, Cancel::new());
    let stopped =
        unless_stopped(|| (0..4).for_each(|layer| drop(exec.weights(layer)))).expect_err("a block is missing");
    let error = EngineError::from(stopped);
    assert!(matches!(error, EngineError::Model(ModelError::Changed { .. })), "{error}");
}

#[test]
fn what_does_not_even_stream_is_refused_with_what_would_do() {
    let (_folder, mut engine) = engine_with(&["a"], 2 << 20);
    let error = engine.evaluate(&of("a"), &tile(8), None, &Cancel::new()).expect_err("too small");
    assert!(matches!(error, EngineError::ModelTooLarge { .. }), "{error}");
    let text = error.to_string();
    assert!(text.ends_with("raise --memory-budget to 3.0 MiB or more"), "{text}");
    let (_folder, mut engine) = engine_with(&["a"], 3 << 20);
    engine.evaluate(&of("a"), &tile(8), None, &Cancel::new()).expect("that does");
}
