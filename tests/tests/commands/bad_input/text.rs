//! Prompts as text, for the embedded model.

use patchsweep_tests::{Sweep, repository};

use super::refusal::refused;

/// A sweep over three prompts of eight tokens, the beginning of the sequence included; line numbers are below.
pub(crate) const SPEC: &str = r#"schema = 1
name = "letters"

[model]
path = "model"
dtype = "float32"

[dataset]
path = "prompts.txt"
replace = false

[corruption]
kind = "permute"
groups = [[0, 6], [6, 8]]

[[metric]]
kind = "logit_diff_max"
candidates = "A-Z"

[[iteration]]
corrupt = [2, 3]
read = 5
answer = 0

[[grid]]
component = "z"
axes = ["layer", "head"]
"#;

/// Prompts that the spec takes.
pub(crate) const PROMPTS: &str = "The House Inquiry Citizen (HI, HIC\n\
    The Shipping Question Quail (SQ, SQQ\n\
    The Usher Wetland Labour (UW, UWL\n";

/// A sweep on the embedded model.
pub(crate) fn sweep(spec: &str, prompts: &str) -> Sweep {
    Sweep::new(&repository().join("data/acronym-gpt2"), spec, "prompts.txt", prompts)
}

#[test]
fn the_spec_that_the_other_tests_break_is_good() {
    sweep(SPEC, PROMPTS).run(&[]);
}

#[test]
fn a_bad_line_is_named_with_its_number() {
    let cases: [(&str, &[&str]); 5] = [
        (
            "The House Inquiry (HI, HIC",
            &[
                "spec line 22, column 8: prompts have different lengths (line 1 has 8 tokens, line 4 has 7 tokens)",
                "so position 5 means something else in each: give a name, or count from the end",
            ],
        ),
        ("The House Inquiry Citizen (HI HIC", &["prompts.txt line 4: not of the form `prompt, answer`"]),
        (
            "The House Inquiry Zebrafish (HI, HIZ",
            &["prompts.txt line 4: the model's tokenizer does not know `Zebrafish`"],
        ),
        ("The House Inquiry Citizen (HI, h", &["prompts.txt line 4: the model's tokenizer does not know `h`"]),
        ("The House Inquiry Citizen (HI, ", &["prompts.txt line 4: the answer is empty"]),
    ];
    for (line, parts) in cases {
        refused(&sweep(SPEC, &format!("{PROMPTS}{line}\n")), parts);
    }
}

#[test]
fn an_answer_without_the_token_that_is_scored_is_named() {
    let spec = SPEC.replace("answer = 0", "answer = 2");
    let parts = ["prompts.txt line 4: no token 2, counted from 0: the answer has 2; `answer` says which one is scored"];
    refused(&sweep(&spec, &format!("{PROMPTS}The House Inquiry Citizen (HI, HI\n")), &parts);
}

#[test]
fn a_dataset_without_prompts_is_named() {
    for nothing in ["", "\n \n"] {
        refused(&sweep(SPEC, nothing), &["prompts.txt: has no prompts"]);
    }
}

#[test]
fn answers_without_tokens_are_refused() {
    let spec = SPEC.replace("answer = 0\n", "");
    refused(&sweep(&spec, "The House Inquiry Citizen (HI, \n"), &["prompts.txt line 1", "answer", "empty"]);
}

#[test]
fn a_missing_dataset_file_is_named_with_where_it_was_sought() {
    let sweep = sweep(&SPEC.replace("prompts.txt", "promts.txt"), PROMPTS);
    let file = sweep.folder().join("promts.txt");
    let named = format!("cannot read {}; ", file.display());
    refused(&sweep, &[&named, "the spec names it, relative to its own folder: No such file"]);
}

#[test]
fn prompts_longer_than_the_model_are_refused() {
    let prompt = format!("The House Inquiry Citizen ({}, HIC\n", "HI".repeat(14));
    let parts = ["spec line 8, column 1", "8 | [dataset]", "prompts of 34 tokens, but the model has 32 positions"];
    refused(&sweep(SPEC, &prompt.repeat(3)), &parts);
}
