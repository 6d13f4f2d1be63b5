//! Metrics that compare sets of tokens, against the kinds that are names for such differences, and what `plan` shows of them.

use std::path::PathBuf;

use ndarray::ArrayD;
use patchsweep_tests::{Sweep, patchsweep, repository, spec};
use serde_json::{Value, json};

fn case() -> PathBuf {
    repository().join("tests/reference/interventions/metric_sets")
}

#[test]
fn the_plan_shows_the_first_prompts_sets_with_their_ids() {
    let spec = case().join("spec.toml");
    let planned = |format: &[&str]| {
        let args = [&["plan", spec.to_str().expect("a plain path")], format].concat();
        String::from_utf8(patchsweep(&args).assert().success().get_output().stdout.clone()).expect("text")
    };
    let table = planned(&[]);
    let right = "mass: prob of the first prompt: right sum of \" 03\" 4; wrong sum of \" 05\" 6, \" 04\" 5\n";
    let fixed = "fixed: logit: right mean of \" is\" 22, \" was\" 26; wrong mean of \" are\" 20, \" were\" 28\n";
    for line in [right, fixed] {
        assert!(table.contains(line), "{line} is not in {table}");
    }
    let sets: Value = serde_json::from_str(&planned(&["--output", "json"])).expect("JSON");
    let sets = sets["token_sets"].as_array().expect("sets").clone();
    let metrics: Vec<&Value> = sets.iter().map(|sets| &sets["metric"]).collect();
    assert_eq!(metrics, ["mass", "best", "against", "fixed"]);
    assert_eq!((&sets[1]["of"], &sets[1]["wrong"]["reduce"]), (&json!("logit"), &json!("max")));
    assert_eq!((&sets[0]["right"]["sets"], &sets[0]["right"]["largest"]), (&json!(4), &json!(3)));
    assert_eq!(sets[0]["right"]["first_prompt"]["tokens"][0]["text"], " 03");
}

/// Prompts of the case, with one right and one wrong token each.
const SINGLE: &str = "prompt,answer,wrong\n\
    The war of Bob went from 09 to, 03, 05\n\
    The war of Tom went from 12 to, 09, 04\n\
    The war of Max went from 11 to, 08, 01\n";

/// A kind, and the keys of the difference that it is a name for.
fn names() -> [(&'static str, Value); 3] {
    let answer = json!({ "column": "answer" });
    [
        ("logit_diff", json!({ "right": answer, "wrong": { "column": "wrong", "reduce": "max" } })),
        ("logprob", json!({ "of": "logprob", "right": answer })),
        ("prob", json!({ "of": "prob", "right": answer })),
    ]
}

#[test]
fn the_kinds_of_answers_are_names_for_differences_in_both_directions() {
    for direction in ["noising", "denoising"] {
        let mut spec = spec("names")
            .with("direction", direction)
            .with("per_prompt", true)
            .table("data.csv")
            .corruption(json!({ "kind": "noise", "scale": 2.0, "replicates": 2 }))
            .iteration(json!({ "corrupt": [4], "read": [-2, -1] }))
            .grid("resid_pre", &["layer", "pos"])
            .grid("z", &["layer", "head"]);
        for (kind, mut difference) in names() {
            difference["kind"] = json!("difference");
            difference["name"] = json!(format!("{kind}-of-sets"));
            difference["normalize"] = json!(true);
            let named = json!({ "kind": kind, "name": format!("{kind}-by-name"), "normalize": true });
            spec = spec.metric_of(named).metric_of(difference);
        }
        let mut scores = Sweep::new(&case().join("model"), &spec.to_string(), "data.csv", SINGLE).scores(&[]);
        for (kind, _) in names() {
            // The first metric's tensors have no suffix.
            let of = |tensor: &str, rest: &str| {
                let [named, sets] = ["by-name", "of-sets"].map(|which| format!("{tensor}@{kind}-{which}{rest}"));
                [named.replace("@logit_diff-by-name", ""), sets]
            };
            let grids = ["resid_pre", "z"].into_iter();
            let parts = ["", ".value", ".stderr", ".between", ".normalized", ".prompts"];
            let tensors = grids.flat_map(|grid| parts.map(|part| of(grid, part)));
            for [named, sets] in tensors.chain([of("clean", ""), of("corrupted", "")]) {
                close(&scores.tensor(&sets), &scores.tensor(&named), &format!("{sets}, {direction}"));
            }
        }
    }
}

/// Equal up to the order of float32 sums.
fn close(found: &ArrayD<f32>, wanted: &ArrayD<f32>, what: &str) {
    assert_eq!(found.shape(), wanted.shape(), "{what}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() <= 1e-4 * wanted.abs().max(1.0), "{what}: {found}, not {wanted}");
    }
}
