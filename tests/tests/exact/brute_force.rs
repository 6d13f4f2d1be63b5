//! The brute-force evaluator against `TransformerLens`' own scores (tests/reference): every sweep that they hold.

use std::fs;

use ndarray::ArrayD;
use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::{Direction, Iteration, SweepContext};
use patchsweep_core::grid::{Axis, Component, Grid};
use patchsweep_core::groups::Groups;
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::tokens::TokenMatrix;
use patchsweep_reference_evaluator::{BruteForce, Model};
use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Scores, repository};
use serde::Deserialize;

/// `TransformerLens` computes in float32; float64 differs from it by up to 1e-5 (tests/reference/README.md).
const TOLERANCE: f32 = 5e-5;

const RESIDUAL: &[Axis] = &[Axis::Layer, Axis::Pos];
const BY_HEAD: &[Axis] = &[Axis::Layer, Axis::Head];
const BY_HEAD_AND_POSITION: &[Axis] = &[Axis::Layer, Axis::Pos, Axis::Head];
const PATTERN_ROWS: &[Axis] = &[Axis::Layer, Axis::Head, Axis::DestPos];
const PATTERN_ENTRIES: &[Axis] = &[Axis::Layer, Axis::Head, Axis::DestPos, Axis::SrcPos];

/// The reference's sweeps: name, component, axes.
const SWEEPS: [(&str, Component, &[Axis]); 15] = [
    ("resid_pre", Component::ResidPre, RESIDUAL),
    ("resid_mid", Component::ResidMid, RESIDUAL),
    ("attn_out", Component::AttnOut, RESIDUAL),
    ("mlp_out", Component::MlpOut, RESIDUAL),
    ("head_z", Component::Z, BY_HEAD),
    ("head_q", Component::Q, BY_HEAD),
    ("head_k", Component::K, BY_HEAD),
    ("head_v", Component::V, BY_HEAD),
    ("head_pattern", Component::Pattern, BY_HEAD),
    ("head_z_by_pos", Component::Z, BY_HEAD_AND_POSITION),
    ("head_q_by_pos", Component::Q, BY_HEAD_AND_POSITION),
    ("head_k_by_pos", Component::K, BY_HEAD_AND_POSITION),
    ("head_v_by_pos", Component::V, BY_HEAD_AND_POSITION),
    ("head_pattern_by_pos", Component::Pattern, PATTERN_ROWS),
    ("head_pattern_dest_src", Component::Pattern, PATTERN_ENTRIES),
];

/// What a case's spec says of metric and iterations.
#[derive(Deserialize)]
struct Spec {
    metric: Vec<SpecMetric>,
    iteration: Vec<SpecIteration>,
}

#[derive(Deserialize)]
struct SpecMetric {
    candidate_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct SpecIteration {
    read: u32,
    answer: usize,
}

/// A case's tokens.
#[derive(Deserialize)]
struct Tokens {
    clean: Vec<Vec<u32>>,
    corrupted: Vec<Vec<Vec<u32>>>,
    answers: Vec<Vec<u32>>,
}

fn context(spec: Spec, tokens: &Tokens, architecture: &Architecture) -> SweepContext {
    let matrix = |rows: &[Vec<u32>]| TokenMatrix::from_rows(rows).expect("prompts of one length");
    let clean = matrix(&tokens.clean);
    let grid = |(name, component, axes): (&str, Component, &[Axis])| {
        Grid::new(name.to_owned(), component, axes.to_vec(), architecture, clean.positions()).expect("a grid")
    };
    let iteration = |(SpecIteration { read, answer }, corrupted): (SpecIteration, &Vec<Vec<u32>>)| Iteration {
        corrupted: matrix(corrupted),
        noise: None,
        reads: vec![read],
        answers: tokens.answers.iter().map(|answers| answers[answer]).collect(),
        wrong_answers: Vec::new(),
    };
    let metric = |SpecMetric { candidate_ids }: SpecMetric| {
        let kind = MetricKind::LogitDiffMax { candidates: candidate_ids };
        Metric { name: "logit_diff_max".to_owned(), kind, normalize: false }
    };
    SweepContext {
        model: ModelRef::folder("model").expect("a plain name"),
        architecture: architecture.clone(),
        dtype: Dtype::Float32,
        tf32: false,
        direction: Direction::Noising,
        iterations: spec.iteration.into_iter().zip(&tokens.corrupted).map(iteration).collect(),
        metrics: spec.metric.into_iter().map(metric).collect(),
        grids: SWEEPS.map(grid).into(),
        clean,
        per_prompt: false,
        replicates: 1,
        groups: Groups::default(),
    }
}

/// Mean over prompts of the only metric \[metrics\]\[prompts\].
fn mean(scores: &[Vec<f64>]) -> f32 {
    let [prompts] = scores else { panic!("one metric") };
    #[allow(clippy::cast_possible_truncation, reason = "compared with float32")]
    let mean = ndarray::aview1(prompts).mean().expect("prompts") as f32;
    mean
}

fn agrees(case: &str) {
    let folder = repository().join("tests/reference").join(case);
    let read = |file: &str| fs::read_to_string(folder.join(file)).expect("a reference case");
    let spec: Spec = toml::from_str(&read("spec.toml")).expect("a spec");
    let tokens: Tokens = serde_json::from_str(&read("case.json")).expect("tokens");
    let model = Model::load(&folder.join("model"));
    let context = context(spec, &tokens, model.architecture());
    let runs: Vec<_> = (0..context.iterations.len()).map(|index| BruteForce::new(&model, &context, index)).collect();

    let mut reference = Scores::open(&folder.join("scores.npz"));
    let mut compare = |name: &str, extents: &[u32], scores: Vec<f32>| {
        let extents = extents.iter().map(|&extent| extent as usize);
        let shape: Vec<usize> = [runs.len()].into_iter().chain(extents).collect();
        let scores = ArrayD::from_shape_vec(shape, scores).expect("a score per cell");
        let difference = largest_difference(&scores, &reference.tensor(name));
        assert!(difference <= TOLERANCE, "{case}: {name} differs by {difference}");
    };
    compare("clean_metric", &[], runs.iter().map(|run| mean(&run.clean())).collect());
    compare("corrupted_metric", &[], runs.iter().map(|run| mean(&run.corrupted())).collect());
    for grid in &context.grids {
        let cells = 0..grid.cell_count().expect("few cells");
        let patched = |run: &BruteForce<'_>| -> Vec<f32> {
            cells.clone().map(|place| mean(&run.patched(&grid.cell(place)))).collect()
        };
        compare(&grid.name, &grid.extents(), runs.iter().flat_map(patched).collect());
    }
    assert_eq!(reference.names().len(), SWEEPS.len() + 2, "all sweeps and both baselines are compared");
}

#[test]
fn one_prompt_agrees_with_transformer_lens() {
    agrees("one-prompt");
}

#[test]
fn exact_gelu_inner_width_and_epsilon_agree_with_transformer_lens() {
    agrees("wide-mlp");
}

#[test]
fn corruption_at_the_first_and_at_the_last_position_agrees_with_transformer_lens() {
    agrees("edges");
}

#[test]
fn a_separate_unembedding_agrees_with_transformer_lens() {
    agrees("untied");
}
