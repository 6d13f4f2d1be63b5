//! Prompts as token ids.

use patchsweep_tests::Sweep;
use serde_json::{Value, json};

use super::refusal::refused;

/// A sweep over two prompts of four tokens.
pub(crate) const SPEC: &str = r#"schema = 1
name = "tokens"
[model]
path = "model"
[dataset]
tokens = "case.json"
[[metric]]
kind = "logit_diff_max"
candidate_ids = [20, 21, 22]
[[iteration]]
corrupt = [2]
read = 3
[[grid]]
component = "resid_pre"
axes = ["layer", "pos"]
"#;

/// Token ids that the spec takes.
pub(crate) fn case() -> Value {
    json!({
        "clean": [[1, 2, 3, 4], [5, 6, 7, 8]],
        "corrupted": [[[1, 2, 7, 4], [5, 6, 3, 8]]],
        "answers": [[20], [21]],
    })
}

/// The good token file with one entry changed is refused in these words.
#[track_caller]
fn mistake(pointer: &str, value: Value, parts: &[&str]) {
    let mut case = case();
    *case.pointer_mut(pointer).expect("an entry of the token file") = value;
    refused(&Sweep::on_reference("tiny", SPEC, &case.to_string()), parts);
}

#[test]
fn the_token_file_that_the_other_tests_break_is_good() {
    Sweep::on_reference("tiny", SPEC, &case().to_string()).run(&[]);
}

#[test]
fn clean_and_corrupted_prompts_have_one_shape() {
    let shorter =
        ["case.json: corrupted[0]: prompt 0 has 3 tokens, but its clean prompt has 4: both must have the same length"];
    mistake("/corrupted/0", json!([[1, 2, 7], [5, 6, 3]]), &shorter);
    let fewer = ["case.json: corrupted[0] has 1 prompts, but there are 2 clean ones"];
    mistake("/corrupted/0", json!([[1, 2, 7, 4]]), &fewer);
    let longer = ["case.json: corrupted[0]: prompt 1 has 4 tokens, but its clean prompt has 3"];
    mistake("/clean/1", json!([5, 6, 7]), &longer);
    mistake(
        "/corrupted/0/1",
        json!([5]),
        &["case.json: corrupted[0]: prompt 1 has 1 tokens, but its clean prompt has 4"],
    );
    mistake("/corrupted", json!([]), &["case.json: 0 corrupted lists, but the spec has 1 iterations"]);
    mistake("/clean", json!([]), &["case.json: clean: no prompts"]);
}

#[test]
fn every_prompt_has_an_answer() {
    mistake("/answers", json!([[20]]), &["case.json: 1 lists of answers for 2 prompts", "one list per prompt"]);
    mistake("/answers/1", json!([]), &["case.json: answers[1] has no entry 0", "one answer per iteration"]);
}

#[test]
fn ids_are_in_the_vocabulary() {
    let places = [
        ("/clean/1/3", "clean[1][3]"),
        ("/corrupted/0/1/2", "corrupted[0][1][2]"),
        ("/answers/1/0", "one of answers[1]"),
    ];
    for (pointer, place) in places {
        let mut case = case();
        *case.pointer_mut(pointer).expect("an entry") = json!(97);
        let spec = SPEC.replace("corrupt = [2]\n", "");
        let wanted = format!("case.json: {place} is token id 97, but the model's vocabulary ends at 96");
        refused(&Sweep::on_reference("tiny", &spec, &case.to_string()), &[&wanted]);
    }
    mistake("/clean/0/0", json!(-1), &["case.json: ", "integer `-1`", "line 1 column"]);
}

#[test]
fn tokens_differ_only_where_the_spec_says_so() {
    let place = "spec.toml: spec line 11, column 11: prompt 1 of the token file differs at position 1";
    mistake("/corrupted/0/1/1", json!(9), &[place, "`corrupt` lacks", "11 | corrupt = [2]"]);
}

#[test]
fn a_file_that_is_not_a_token_file_is_refused() {
    let what = "case.json: not JSON with `clean`, `corrupted` and `answers`";
    for (text, cause) in [("", "column 0"), ("{\"clean\": [[1,", "line 1 column 14"), ("{\"claen\": []}", "`claen`")] {
        refused(&Sweep::on_reference("tiny", SPEC, text), &[what, cause]);
    }
}

#[test]
fn corruption_and_text_candidates_do_not_go_with_token_ids() {
    let both = SPEC.replace("[[metric]]", "[corruption]\nkind = \"permute\"\ngroups = []\n[[metric]]");
    let parts = ["spec line 7, column 1", "token ids are corrupted already: leave `[corruption]` out"];
    refused(&Sweep::on_reference("tiny", &both, &case().to_string()), &parts);
    let text = SPEC.replace("candidate_ids = [20, 21, 22]", "candidates = \"A-Z\"");
    let parts = ["spec line 9, column 14", "no tokenizer.json: give `candidate_ids`"];
    refused(&Sweep::on_reference("tiny", &text, &case().to_string()), &parts);
}
