//! The example sweeps on the model that looks surnames up: what they show is what data/README.md says, and what a plain forward
//! pass of each cell gives.

use std::fs;
use std::path::Path;

use ndarray::{ArrayD, Axis, s};
use patchsweep_tests::{Scores, repository, sweep};

/// Layer and head that look at the token before.
const PREVIOUS_TOKEN: [usize; 2] = [0, 2];

/// Layer and head that look from a first name at the surname behind the same name.
const INDUCTION: [usize; 2] = [1, 1];

/// Iterations of paths.toml, and positions there.
const FIRST_NAMES: usize = 0;
const SURNAMES: usize = 1;
const CALL: usize = 2;
const LAST: usize = 13;

/// The feature that is on at surnames behind `Felix`.
const FEATURE_OF_FELIX: usize = 91;

/// What is no effect to speak of, where what there is to see is about 30 nats.
const LITTLE: f32 = 0.5;

/// Runs a spec of the data folder with a check of all that it draws, and opens its scores.
fn checked(spec: &str) -> Scores {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let out = temporary.path().join("results");
    sweep::run(&repository().join("data").join(spec), &out, &["--workers", "2", "--check"]);
    assert_agreement(&out);
    Scores::open(&out.join("scores.npz"))
}

fn assert_agreement(out: &Path) {
    let text = fs::read(out.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&text).expect("a JSON object");
    let check = &manifest["check"];
    assert!(check["cells"].as_u64() > Some(0), "{check}");
    assert_eq!(check["agreed"], true, "{check}");
}

/// The index of the strongest effect, and the next strongest effect.
fn strongest(effects: &ArrayD<f32>) -> (Vec<usize>, f32) {
    let mut cells: Vec<(Vec<usize>, f32)> = effects
        .indexed_iter()
        .map(|(index, effect)| (ndarray::Dimension::slice(&index).to_vec(), effect.abs()))
        .collect();
    cells.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    (cells[0].0.clone(), cells[1].1)
}

#[test]
fn paths_show_the_previous_token_head_feeding_the_induction_heads_keys() {
    let mut scores = checked("paths.toml");
    assert_paths(&mut scores);
    assert_move_over_layers(&mut scores);
}

fn assert_paths(scores: &mut Scores) {
    let (clean, corrupted) = (scores.tensor("clean"), scores.tensor("corrupted"));
    assert!(clean.iter().all(|&difference| difference > 10.0), "the answer is far ahead: {clean}");
    assert!(corrupted.iter().all(|&difference| difference < -10.0), "and far behind once corrupted: {corrupted}");

    let pair = [PREVIOUS_TOKEN, INDUCTION].concat();
    let keys = scores.tensor("to_keys");
    let first_names = keys.index_axis(Axis(0), FIRST_NAMES).into_owned();
    let (index, next) = strongest(&first_names);
    assert_eq!(index, pair, "the strongest of all pairs");
    assert!(first_names[&pair[..]] < -20.0 && next < LITTLE, "{} and {next}", first_names[&pair[..]]);
    for iteration in [SURNAMES, CALL] {
        assert!(keys.index_axis(Axis(0), iteration).iter().all(|effect| effect.abs() < LITTLE), "nothing by keys");
    }

    // The induction head's keys come from the other head; its values and queries are the tokens' own.
    let values = scores.tensor("to_values");
    assert_eq!(strongest(&values.index_axis(Axis(0), FIRST_NAMES).into_owned()).0, pair);
    for (grid, iteration, receiver) in [
        ("tokens_to_values", FIRST_NAMES, PREVIOUS_TOKEN),
        ("tokens_to_values", SURNAMES, INDUCTION),
        ("tokens_to_queries", CALL, INDUCTION),
    ] {
        let effects = scores.tensor(grid).index_axis(Axis(0), iteration).into_owned();
        let (index, next) = strongest(&effects);
        assert_eq!(index[1..], receiver, "{grid} of iteration {iteration}");
        assert!(effects[&index[..]] < -20.0 && next < LITTLE, "{grid} of iteration {iteration}: {effects}");
    }

    let logits = scores.tensor("to_logits");
    for iteration in [FIRST_NAMES, SURNAMES, CALL] {
        let (index, next) = strongest(&logits.index_axis(Axis(0), iteration).into_owned());
        assert_eq!(index, INDUCTION, "what is written to the logits in iteration {iteration}");
        assert!(next < LITTLE, "{next}");
    }
}

/// From first names to surnames to the end, which is where surnames and the call go as well.
fn assert_move_over_layers(scores: &mut Scores) {
    let effects = scores.tensor("resid_pre");
    let of = |iteration: usize| effects.slice(s![iteration, .., ..]).into_owned();
    let places = |iteration: usize, layer: usize| -> Vec<usize> {
        let strong = |&position: &usize| of(iteration)[[layer, position]].abs() > LITTLE;
        (0..=LAST).filter(strong).collect()
    };
    assert_eq!([0, 1, 2].map(|layer| places(FIRST_NAMES, layer)), [vec![3, 6], vec![4, 7], vec![LAST]]);
    assert_eq!([0, 1, 2].map(|layer| places(SURNAMES, layer)), [vec![7], vec![7], vec![LAST]]);
    assert_eq!([0, 1, 2].map(|layer| places(CALL, layer)), [vec![LAST], vec![LAST], vec![LAST]]);
}

#[test]
fn facts_show_the_same_at_named_positions_of_prompts_of_three_lengths() {
    let mut scores = checked("facts.toml");
    let effects = scores.tensor("resid_pre.normalized");
    // subject, subject+1, other, other+1, end; half of it at each guest, since with one alone changed no surname is right.
    let wanted = [
        [[0.5, 1.0, 0.5, 1.0, 1.0], [1.0, 0.5, 1.0, 0.5, 1.0], [1.0, 1.0, 1.0, 1.0, 0.0]],
        [[1.0, 1.0, 1.0, 1.0, 0.0]; 3],
    ];
    for ((iteration, layer, position), &wanted) in ndarray::arr3(&wanted).indexed_iter() {
        let got = effects[[iteration, layer, position]];
        assert!((got - wanted).abs() < 0.1, "iteration {iteration}, layer {layer}, position {position}: {got}");
    }
    let heads = scores.tensor("z");
    // subject+1, other+1, end
    let strong: Vec<[usize; 3]> = heads
        .slice(s![0, .., .., ..])
        .indexed_iter()
        .filter(|(_, effect)| effect.abs() > LITTLE)
        .map(|((layer, position, head), _)| [layer, position, head])
        .collect();
    assert_eq!(strong, [[0, 0, 2], [0, 1, 2], [1, 2, 1]]);
}

#[test]
fn one_feature_of_the_dictionary_is_what_the_previous_token_head_says_of_a_name() {
    let mut scores = checked("features.toml");
    let features = scores.tensor("attended").index_axis(Axis(0), 0).into_owned();
    let (index, next) = strongest(&features);
    assert_eq!((features.shape(), &index[..]), (&[2, 192][..], &[1, FEATURE_OF_FELIX][..]));
    let [alone, all, whole] =
        [features[[1, FEATURE_OF_FELIX]], scores.tensor("all_features")[[0, 1]], scores.tensor("attn_out")[[0, 0, 1]]];
    assert!(alone < -10.0 && next < 2.0, "{alone}, then {next}");
    assert!(alone / all > 0.8 && all / whole > 0.9, "{alone} of {all} of {whole}");
    let active = scores.tensor("active");
    let moved = |effects: &ArrayD<f32>| effects.iter().filter(|effect| effect.abs() > 1e-3).count();
    assert!(active.shape()[2] < 192 / 2, "most features are of other names: {:?}", active.shape());
    assert_eq!(moved(&active), moved(&features));
    let (_, next_active) = strongest(&active.index_axis(Axis(0), 0).into_owned());
    assert!((next_active - next).abs() < 1e-4, "{next_active}, not {next}");
    // The same feature, among fewer.
    assert!((scores.tensor("names")[[0, 1, 2]] - alone).abs() < 1e-4);
}
