//! What must hold of any sweep, whatever the model.

use ndarray::{ArrayD, Axis, s};
use patchsweep_tests::scores::largest_difference;
use patchsweep_tests::{Spec, Sweep, spec};
use serde_json::json;

/// Scores that are the same sum in another order.
const ROUNDING: f32 = 1e-5;

/// Iterations: two positions; one position of the first prompt alone; one position, read in the middle.
const TOKENS: &str = r#"{
"clean": [[80, 10, 54, 88, 77, 65, 2, 77], [40, 23, 12, 20, 74, 89, 17, 67], [68, 62, 76, 31, 22, 22, 85, 83],
          [24, 30, 39, 23, 3, 44, 59, 67], [79, 90, 70, 7, 87, 51, 61, 30]],
"corrupted": [
    [[80, 10, 96, 88, 77, 11, 2, 77], [40, 23, 13, 20, 74, 12, 17, 67], [68, 62, 48, 31, 22, 13, 85, 83],
     [24, 30, 52, 23, 3, 14, 59, 67], [79, 90, 70, 7, 87, 15, 61, 30]],
    [[80, 10, 54, 88, 77, 15, 2, 77], [40, 23, 12, 20, 74, 89, 17, 67], [68, 62, 76, 31, 22, 22, 85, 83],
     [24, 30, 39, 23, 3, 44, 59, 67], [79, 90, 70, 7, 87, 51, 61, 30]],
    [[80, 10, 54, 18, 77, 65, 2, 77], [40, 23, 12, 28, 74, 89, 17, 67], [68, 62, 76, 38, 22, 22, 85, 83],
     [24, 30, 39, 48, 3, 44, 59, 67], [79, 90, 70, 58, 87, 51, 61, 30]]],
"answers": [[42, 33, 45], [30, 24, 41], [24, 34, 28], [26, 44, 24], [36, 45, 20]]}"#;

fn sample() -> Spec {
    let candidates = [20, 24, 26, 28, 30, 33, 34, 36, 41, 42, 44, 45];
    spec("properties")
        .tokens("case.json")
        .metric_of(json!({ "kind": "logit_diff_max", "candidate_ids": candidates }))
        .iteration(json!({ "corrupt": [2, 5], "read": -1 }))
        .iteration(json!({ "corrupt": [5], "read": 6 }))
        .iteration(json!({ "corrupt": [3], "read": 5 }))
        .grid("resid_pre", &["layer", "pos"])
        .grid_of(json!({ "name": "whole_resid_pre", "component": "resid_pre", "axes": ["layer"] }))
        .grid("z", &["layer", "head"])
        .grid_of(json!({ "name": "whole_z", "component": "z", "axes": ["layer"] }))
        .grid_of(json!({ "name": "z_by_pos", "component": "z", "axes": ["layer", "pos"] }))
        .grid("resid_post", &["layer", "pos"])
        .grid_of(json!({ "name": "k_by_pos", "component": "k", "axes": ["layer", "pos", "head"] }))
}

const GRIDS: [&str; 7] = ["resid_pre", "whole_resid_pre", "z", "whole_z", "z_by_pos", "resid_post", "k_by_pos"];

fn sweep() -> Sweep {
    Sweep::on_reference("tiny", &sample().to_string(), TOKENS)
}

fn all_zero<'a>(effects: impl IntoIterator<Item = &'a f32>) -> bool {
    effects.into_iter().all(|&effect| effect.to_bits() == 0)
}

#[test]
fn a_patch_with_equal_activations_has_effect_exactly_zero() {
    let mut scores = sweep().scores(&[]);
    for grid in ["resid_pre", "z_by_pos", "k_by_pos"] {
        let effect = scores.tensor(grid);
        let only_the_first_prompt = effect.index_axis(Axis(0), 1);
        let by_pos = |pos| only_the_first_prompt.index_axis(Axis(1), pos);
        assert!((0..5).all(|pos| all_zero(by_pos(pos))), "{grid}: positions before the corrupted one");
        assert!(!all_zero(by_pos(5)), "{grid}: the corrupted position");
    }
    let resid = scores.tensor("resid_pre");
    assert!(all_zero(resid.slice(s![0, .., ..2])), "positions before the first corrupted one");
    assert!(all_zero(resid.slice(s![0, 0, 3..5])), "positions that are not corrupted, at the embedding");
    assert!(!all_zero(resid.slice(s![0, 1, 3..5])), "the same positions one block later");
    let (value, clean) = (scores.tensor("resid_pre.value"), scores.tensor("clean"));
    let untouched = value.slice(s![0, .., ..2]).iter().all(|value| value.to_bits() == clean[0].to_bits());
    assert!(untouched, "the patched metric is the clean one to the last bit");
}

#[test]
fn prompts_that_are_not_corrupted_have_effect_exactly_zero() {
    let mut scores = sweep().scores(&[]);
    for grid in GRIDS {
        let (effect, stderr) = (scores.tensor(grid), scores.tensor(&format!("{grid}.stderr")));
        let only_the_first_prompt = effect.index_axis(Axis(0), 1);
        // Of n effects of which all but one are 0, the standard error is the mean's magnitude: |x| / n. The two are
        // rounded to float32 once each.
        for (effect, stderr) in only_the_first_prompt.iter().zip(stderr.index_axis(Axis(0), 1)) {
            assert!((effect.abs() - stderr).abs() <= f32::EPSILON * stderr, "{grid}: {effect} and {stderr}");
        }
        assert!(!all_zero(only_the_first_prompt), "{grid}");
    }
}

#[test]
fn a_patch_after_the_read_position_has_effect_zero() {
    let mut scores = sweep().scores(&[]);
    for grid in ["resid_pre", "z_by_pos", "k_by_pos"] {
        let effect = scores.tensor(grid);
        let iteration = effect.index_axis(Axis(0), 2);
        let by_pos = |pos| iteration.index_axis(Axis(1), pos);
        assert!(all_zero(by_pos(6)) && all_zero(by_pos(7)), "{grid}: read at 5");
        assert!(!all_zero(by_pos(5)), "{grid}: at the read position");
    }
}

#[test]
fn patching_everything_corrupted_at_the_first_layer_gives_the_corrupted_baseline() {
    let mut scores = sweep().scores(&[]);
    let corrupted = scores.tensor("corrupted");
    let whole = scores.tensor("whole_resid_pre.value");
    for layer in 0..3 {
        let value = whole.index_axis(Axis(1), layer).to_owned();
        assert!(largest_difference(&value, &corrupted) <= ROUNDING, "all positions at layer {layer}");
    }
    let one_position = scores.tensor("resid_pre.value")[[2, 0, 3]];
    assert!((one_position - corrupted[2]).abs() <= ROUNDING, "the only corrupted position at layer 0");
}

#[test]
fn the_stream_after_a_block_is_the_stream_before_the_next() {
    let mut scores = sweep().scores(&[]);
    let (before, after) = (scores.tensor("resid_pre"), scores.tensor("resid_post"));
    let (next, this) = (before.slice(s![.., 1.., ..]).to_owned(), after.slice(s![.., ..2, ..]).to_owned());
    assert!(largest_difference(&next.into_dyn(), &this.into_dyn()) <= ROUNDING);
    let (clean, corrupted) = (scores.tensor("clean"), scores.tensor("corrupted"));
    let at_the_end = after[[0, 2, 7]];
    assert!(
        (at_the_end - (corrupted[0] - clean[0])).abs() <= ROUNDING,
        "all at the read position after the last block"
    );
}

#[test]
fn scores_do_not_depend_on_how_the_work_is_cut() {
    let mut sweep = sweep();
    let mut reference = sweep.scores(&[]);
    let cuts: [&[&str]; 5] = [
        &["--workers", "3"],
        &["--tile-multiply-adds", "1"],
        &["--tile-multiply-adds", "500000", "--workers", "2"],
        &["--tile-prompts", "2"],
        &["--tile-prompts", "1", "--tile-multiply-adds", "200000", "--workers", "2"],
    ];
    for cut in cuts {
        let mut scores = sweep.scores(cut);
        let grids = GRIDS.into_iter().flat_map(|grid| ["", ".value", ".stderr"].map(|part| format!("{grid}{part}")));
        for name in ["clean", "corrupted"].map(str::to_owned).into_iter().chain(grids) {
            let (a, b): (ArrayD<f32>, ArrayD<f32>) = (reference.tensor(&name), scores.tensor(&name));
            assert!(largest_difference(&a, &b) <= ROUNDING, "{name} with {cut:?}");
        }
    }
}

#[test]
fn half_precision_is_close_and_not_the_same() {
    let mut reference = sweep().scores(&[]);
    // Each of some twenty roundings on the way to a logit of order 1 is off by at most half of 2^-8 or 2^-11.
    for (dtype, tolerance) in [("bfloat16", 0.1), ("float16", 0.0125)] {
        let spec = sample().dtype(dtype).to_string();
        let mut scores = Sweep::on_reference("tiny", &spec, TOKENS).scores(&[]);
        for grid in GRIDS {
            let name = format!("{grid}.value");
            let difference = largest_difference(&reference.tensor(&name), &scores.tensor(&name));
            assert!(difference > ROUNDING && difference <= tolerance, "{name} in {dtype} differs by {difference}");
        }
    }
}

/// The gradients on the way from one embedding to another add up to what is between: the error of the midpoint rule is of the
/// order of the square of a step.
#[test]
fn gradients_along_the_way_add_up_to_the_whole_effect() {
    let candidates = [20, 24, 26, 28, 30, 33, 34, 36, 41, 42, 44, 45];
    let spec = spec("estimates")
        .tokens("case.json")
        .metric_of(json!({ "kind": "logit_diff_mean", "candidate_ids": candidates }))
        .iteration(json!({ "corrupt": [2, 5], "read": -1 }))
        .iteration(json!({ "corrupt": [5], "read": 6 }))
        .iteration(json!({ "corrupt": [3], "read": 5 }))
        .grid_of(json!({
            "name": "embedding", "component": "resid_pre", "axes": ["layer"], "layers": [0], "estimate": "integrated",
            "steps": 100, "verify": { "top": 1, "sample": 0 },
        }));
    let mut scores = Sweep::on_reference("tiny", &spec.to_string(), TOKENS).scores(&[]);
    let (effect, estimate) = (scores.tensor("embedding"), scores.tensor("embedding.estimate"));
    assert!(effect.iter().any(|effect| effect.abs() > 0.1), "{effect}");
    let difference = largest_difference(&effect, &estimate);
    assert!(difference <= 1e-3, "{difference}: {effect}, {estimate}");
}

/// Along an axis that is left out estimates are the sum of those with it.
#[test]
fn estimates_add_up_along_axes() {
    let grid =
        |name: &str, axes: &[&str]| json!({ "name": name, "component": "z", "axes": axes, "estimate": "gradient" });
    let spec = sample().grid_of(grid("by_all", &["layer", "pos", "head"])).grid_of(grid("by_head", &["layer", "head"]));
    let mut scores = Sweep::on_reference("tiny", &spec.to_string(), TOKENS).scores(&[]);
    let (all, heads) = (scores.tensor("by_all.estimate"), scores.tensor("by_head.estimate"));
    assert!(largest_difference(&all.sum_axis(Axis(2)), &heads) <= ROUNDING);
    assert!(heads.iter().any(|estimate| estimate.abs() > 0.1), "{heads}");
}
