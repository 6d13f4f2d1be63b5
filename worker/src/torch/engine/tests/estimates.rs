//! Estimates of effects.

use patchsweep_core::estimate::{Estimate, Gradients};
use patchsweep_core::grid::{Axis, Component, Grid, PatchValue};
use patchsweep_core::tile::TileWork;
use tch::Tensor;

use super::models::{engine_with, of};
use super::*;

/// Makes a copy of the embedded model whose attention scores are so far from each other that what a knockout leaves has, in some rows,
/// probabilities that float64 does not have.
fn saturate(folder: &Path) {
    let file = folder.join("model.safetensors");
    let tensors = Tensor::read_safetensors(&file).expect("weights");
    let scaled = |(name, tensor): (String, Tensor)| {
        let is_attention = name.contains("attn.c_attn");
        (name, if is_attention { tensor * 30.0 } else { tensor })
    };
    let tensors: Vec<(String, Tensor)> = tensors.into_iter().map(scaled).collect();
    let named: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    Tensor::write_safetensors(&named, &file).expect("written weights");
}

#[test]
fn a_source_that_is_knocked_out_alone_has_the_estimate_of_it_as_one_of_many_where_attention_is_saturated() {
    let (folder, mut engine) = engine_with(&["a"], 1 << 30);
    saturate(&folder.path().join("a"));
    let context = of("a");
    let (model, positions) = (context.architecture.clone(), context.clean.positions());
    let knockout = |name: &str, axes: &[Axis], sources: Vec<u32>| {
        let grid = Grid::new(name.into(), Component::Pattern, axes.to_vec(), &model, positions);
        let grid = grid.and_then(|grid| grid.restricted(Axis::SrcPos, sources)).expect("sources");
        let estimate = Estimate { gradients: Gradients::AtBase, recompute_pattern: false, verify: None };
        grid.patched_with(PatchValue::Knockout).estimated(estimate, &model).expect("one write")
    };
    let heads = [Axis::Layer, Axis::Head];
    let alone = (0..positions).map(|source| knockout(&source.to_string(), &heads, vec![source]));
    let each = knockout("each", &[Axis::Layer, Axis::Head, Axis::SrcPos], (0..positions).collect());
    let grids: Vec<Grid> = std::iter::once(each).chain(alone).collect();
    let context = SweepContext { grids, ..context };
    let mut estimates = |grid: u32| -> Vec<f64> {
        let cells = context.grids[grid as usize].cells();
        let work = TileWork::Estimate { grid, cells: std::iter::once(0..cells).collect(), plain: false };
        let tile = Tile { work, ..tile(4) };
        let evaluation = engine.evaluate(&context, &tile, None, &Cancel::new()).expect("computed");
        evaluation.scores.scores.iter().map(|score| score.effect.mean).collect()
    };
    let each = estimates(0);
    let largest = each.iter().fold(0.0f64, |largest, effect| largest.max(effect.abs()));
    assert!(largest.is_finite() && largest > 1e-3, "{largest}");
    for source in 0..positions {
        for (cell, alone) in estimates(1 + source).into_iter().enumerate() {
            let one = each[cell * positions as usize + source as usize];
            assert!((one - alone).abs() <= 1e-9 * largest, "{cell}, {source}: {one} is not {alone}");
        }
    }
}
