//! Specs with one mistake each.

use std::fs;

use super::refusal::{REFUSED, complaint, content, plain, refused, says};
use super::text::{PROMPTS, SPEC, sweep};

/// The good spec with `from` replaced is refused at that place, in these words.
#[track_caller]
pub(crate) fn mistake(from: &str, to: &str, place: &str, parts: &[&str]) {
    assert!(SPEC.contains(from), "{from:?} is in the spec");
    let sweep = sweep(&SPEC.replace(from, to), PROMPTS);
    let place = format!("spec.toml: spec {place}: ");
    refused(&sweep, &[&[place.as_str()], parts].concat());
}

#[test]
fn unknown_words_are_refused_with_the_nearest_one() {
    mistake("answer = 0", "anwser = 0", "line 23, column 1", &["`anwser`", "^^^^^^", "did you mean `answer`?"]);
    mistake("[corruption]", "[coruption]", "line 12, column 2", &["`coruption`", "did you mean `corruption`?"]);
    mistake(
        "[model]",
        "direction = \"noisng\"\n[model]",
        "line 4, column 13",
        &["`noisng`", "did you mean `noising`?"],
    );
    mistake(r#""float32""#, r#""flaot32""#, "line 6, column 9", &["`flaot32`", "did you mean `float32`?"]);
    mistake(r#""permute""#, r#""permut""#, "line 13, column 8", &["corruption `permut`", "did you mean `permute`?"]);
    mistake("logit_diff_max", "logit_dif_max", "line 17, column 8", &["metric", "did you mean `logit_diff_max`?"]);
    mistake(r#""z""#, r#""zz""#, "line 26, column 13", &["unknown component `zz`", "did you mean `z`?"]);
    mistake(r#""z""#, r#""resid_per""#, "line 26, column 13", &["`resid_per`", "did you mean `resid_pre`?"]);
    mistake(r#""head""#, r#""haed""#, "line 27, column 18", &["unknown axis `haed`", "did you mean `head`?"]);
}

#[test]
fn words_that_are_near_no_other_are_refused_with_all_valid_ones() {
    mistake("logit_diff_max", "accuracy", "line 17, column 8", &["unknown metric `accuracy`", "`logit_diff_max`"]);
    mistake(r#""z""#, r#""banana""#, "line 26, column 13", &["`resid_pre`, `resid_mid`", "`q`, `k`, `v`"]);
    mistake(r#""head""#, r#""channel""#, "line 27, column 18", &["axis `channel`", "valid: `layer`, `pos`, `head`"]);
    mistake(r#""float32""#, r#""int8""#, "line 6, column 9", &["`int8`", "`float32`, `bfloat16`, `float16`"]);
}

#[test]
fn malformed_toml_is_shown_where_it_stops_making_sense() {
    mistake(r#""letters""#, "letters", "line 2, column 8", &["2 | name = letters", "^^^^^^^", "quoted"]);
    mistake("[6, 8]]", "[6, 8]", "line 16, column 1", &["missing comma between array elements", "16 | [[metric]]"]);
    mistake("schema = 1", "schema = 1\nschema = 1", "line 2, column 1", &["duplicate key", "2 | schema = 1"]);
}

#[test]
fn values_of_another_type_are_refused_in_plain_words() {
    let numbers = "expected a whole number or a list of whole numbers";
    mistake("answer = 0", r#"answer = "0""#, "line 23, column 10", &[numbers]);
    mistake("answer = 0", "answer = -1", "line 23, column 10", &["expected a whole number from 0"]);
    mistake("read = 5", "read = 5.5", "line 22, column 8", &[numbers]);
    mistake(
        "read = 5",
        "read = [5, 6.5]",
        "line 22, column 12",
        &["expected a whole number, \"end\" or the name of a position\n"],
    );
    mistake("[2, 3]", "2", "line 21, column 11", &["expected a list"]);
    mistake("[[grid]]", "[grid]", "line 25, column 1", &["expected a list", "write `[[grid]]`"]);
    mistake("[model]", "[[model]]", "line 4, column 1", &["there is only one: write `[model]`"]);
    mistake("replace = false", "replace = 0", "line 10, column 11", &["expected `true` or `false`"]);
    let kinds = r#"give a range like "A-Z" or a list of strings"#;
    mistake(r#""A-Z""#, "26", "line 18, column 14", &[kinds]);
}

#[test]
fn gaps_and_other_schemas_are_refused() {
    mistake("schema = 1", "schema = 2", "line 1, column 10", &["this program reads schema = 1"]);
    mistake("read = 5\n", "", "line 20, column 1", &["missing field `read`"]);
    mistake("path = \"model\"\n", "", "line 4, column 1", &["either `path` (a model folder) or `hub`"]);
    mistake("corrupt = [2, 3]\n", "", "line 21, column 8", &["needs `corrupt`, the positions to corrupt"]);
    let corruption = "[corruption]\nkind = \"permute\"\ngroups = [[0, 6], [6, 8]]\n";
    mistake(corruption, "", "line 8, column 1", &["prompts from text need a `[corruption]`"]);
}

#[test]
fn positions_outside_the_prompts_are_refused() {
    let range = "the prompts have 8 tokens (0 to 7, or -8 to -1)";
    mistake("[2, 3]", "[2, 8]", "line 21, column 11", &["position 8 is out of range", range, "21 | corrupt = [2, 8]"]);
    mistake("[2, 3]", "[-9]", "line 21, column 11", &["position -9 is out of range", range]);
    mistake("read = 5", "read = [5, 8]", "line 22, column 8", &["position 8 is out of range", range]);
    mistake("read = 5", "read = 8", "line 22, column 8", &["position 8 is out of range", range]);
    mistake("read = 5", "read = -9", "line 22, column 8", &["position -9 is out of range", range]);
    mistake("read = 5", "read = -9223372036854775808", "line 22, column 8", &["is out of range", range]);
}

#[test]
fn a_position_is_read_once() {
    mistake("read = 5", "read = [5, -3]", "line 22, column 8", &["position 5 is read twice", "22 | read = [5, -3]"]);
    mistake("read = 5", "read = []", "line 22, column 8", &["at least one read position"]);
}

#[test]
fn an_iteration_in_which_nothing_can_change_is_refused() {
    let nothing = "no prompt is corrupted at or before the read position: every effect of grid `z` would be 0";
    mistake("[2, 3]", "[]", "line 22, column 8", &[nothing, "22 | read = 5"]);
    mistake("[2, 3]", "[6, 7]", "line 22, column 8", &[nothing]);
}

#[test]
fn groups_must_hold_every_corrupted_position_once() {
    let uncovered = "position 3 is in none of the corruption's groups";
    mistake("[0, 6]", "[0, 3]", "line 21, column 11", &[uncovered, "21 | corrupt = [2, 3]"]);
    mistake("[0, 6]", "[0, 7]", "line 14, column 19", &["group 6..8 overlaps another one", "^^^^^^"]);
    mistake("[6, 8]", "[6, 9]", "line 14, column 19", &["group 6..9", "ends after the prompts' 8 positions"]);
    mistake("[6, 8]", "[8, 6]", "line 14, column 19", &["group 8..6 is empty"]);
    for not_a_pair in ["[6]", "[6, 7, 8]"] {
        mistake("[6, 8]", not_a_pair, "line 14, column 19", &["a group is two positions", "like [0, 6]"]);
    }
}

#[test]
fn answers_are_picked_among_the_tokens_that_there_are() {
    mistake("answer = 0\n", "", "line 22, column 8", &["the answers have 3 tokens each", "with `answer = "]);
    mistake("answer = 0", "answer = 3", "line 23, column 10", &["no answer token 3", "3 each, counted from 0"]);
    let counts = ["2 answers for 1 read positions: give one for each, or a single number for all"];
    mistake("answer = 0", "answer = [0, 1]", "line 23, column 10", &counts);
}

#[test]
fn candidates_are_single_tokens_of_the_model() {
    let place = "line 18, column 14";
    mistake(r#""A-Z""#, r#"["A", "BC"]"#, place, &["candidate `BC` is 2 tokens, not one"]);
    mistake(r#""A-Z""#, r#"["A", "zebra"]"#, place, &["the model's tokenizer does not know `zebra`"]);
    mistake(r#""A-Z""#, r#"["A"]"#, place, &["at least two candidates"]);
    mistake(r#""A-Z""#, r#"["A", "B", "A"]"#, place, &["a candidate is listed twice"]);
    for range in ["A..Z", "Z-A", "A-", ""] {
        let named = format!(r#"`{range}` is not a range like "A-Z""#);
        mistake("A-Z", range, place, &[&named, "give a list of strings"]);
    }
    let ids = ["candidate id 9999 is outside the model's vocabulary of 577"];
    mistake(r#"candidates = "A-Z""#, "candidate_ids = [1, 9999]", "line 18, column 17", &ids);
}

#[test]
fn answers_are_among_the_candidates() {
    let sweep = sweep(&SPEC.replace(r#""A-Z""#, r#""A-G""#), PROMPTS);
    let stray = "the answer `H` of prompt 0 in iteration 0 is not among the candidates of metric `logit_diff_max`";
    refused(&sweep, &["prompts.txt: ", stray]);
}

#[test]
fn axes_must_fit_the_component() {
    let axes = r#"["layer", "head"]"#;
    let no_heads = ["`mlp_out` has no axis `head`; its axes are `layer`, `pos`"];
    mistake(r#""z""#, r#""mlp_out""#, "line 27, column 9", &no_heads);
    let no_neurons = ["`z` has no axis `neuron`; its axes are `layer`, `pos`, `head`"];
    mistake(axes, r#"["layer", "neuron"]"#, "line 27, column 9", &no_neurons);
    let order = ["axes must be distinct and in the order `layer`, `pos`, `head`"];
    mistake(axes, r#"["head", "layer"]"#, "line 27, column 9", &order);
    mistake(axes, r#"["layer", "layer"]"#, "line 27, column 9", &order);
    mistake(axes, r#"["pos", "head"]"#, "line 27, column 9", &["axes must start with `layer`"]);
    mistake(axes, "[]", "line 26, column 13", &["axes must start with `layer`"]);
}

#[test]
fn more_samples_than_prompts_need_replacement() {
    let samples = "replace = false\nsamples = 4";
    mistake("replace = false", samples, "line 11, column 11", &["more samples than the 3 prompts", "`replace = true`"]);
    mistake("replace = false", "samples = 0", "line 10, column 11", &["at least one prompt"]);
}

#[test]
fn more_prompts_than_a_coordinator_holds_are_refused_before_any_are_drawn() {
    let samples = "replace = true\nsamples = 4000000000";
    let parts = ["4000000000 prompts, more than the 1048576 that a sweep may have"];
    mistake("replace = false", samples, "line 11, column 11", &parts);
}

#[test]
fn a_missing_spec_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (spec, out) = (folder.path().join("nope.toml"), folder.path().join("out"));
    let named = format!("error: cannot read {}; ", spec.display());
    says(&complaint(&["run", plain(&spec), "--out", plain(&out)], REFUSED), &[&named]);
    says(&complaint(&["plan", plain(&spec)], REFUSED), &[&named]);
    says(&complaint(&["submit", plain(&spec)], REFUSED), &[&named]);
    assert!(content(folder.path()).is_empty());
}

#[test]
fn a_folder_with_content_is_refused_and_left_alone() {
    let sweep = sweep(SPEC, PROMPTS);
    let out = sweep.folder().join("thesis");
    fs::create_dir(&out).expect("a folder");
    fs::write(out.join("thesis.tex"), "years of work").expect("a file");
    let stderr = complaint(&["run", plain(&sweep.spec()), "--out", plain(&out)], REFUSED);
    says(&stderr, &[&format!("`{}` is not empty", out.display()), "choose another folder", "`--overwrite`"]);
    assert_eq!(content(&out), ["thesis.tex"]);
    assert_eq!(fs::read_to_string(out.join("thesis.tex")).expect("still there"), "years of work");
    let below = sweep.folder().join("missing/results");
    let stderr = complaint(&["run", plain(&sweep.spec()), "--out", plain(&below)], REFUSED);
    says(&stderr, &["cannot be made", "is not a folder: make that one first"]);
    assert_eq!(content(sweep.folder()), ["model", "prompts.txt", "spec.toml", "thesis"]);
}
