//! Prompts in a table with named columns.

use patchsweep_tests::{Sweep, repository};

use super::refusal::refused;
use super::text::SPEC;

const ROWS: &str = "The House Inquiry Citizen (HI,HIC,HIQ,The Shipping Question Quail (SQ\n\
    The Shipping Question Quail (SQ,SQQ,UQQ,The House Inquiry Citizen (HI\n";

/// A sweep over pairs, scored against wrong answers, on the embedded model.
fn sweep(table: &str, answer: u32) -> Sweep {
    let spec = SPEC
        .replace("prompts.txt", "prompts.csv")
        .replace("kind = \"permute\"\ngroups = [[0, 6], [6, 8]]", r#"kind = "pairs""#)
        .replace("kind = \"logit_diff_max\"\ncandidates = \"A-Z\"", r#"kind = "logit_diff""#)
        .replace("answer = 0", &format!("answer = {answer}"));
    Sweep::new(&repository().join("data/acronym-gpt2"), &spec, "prompts.csv", table)
}

#[test]
fn the_table_that_the_other_tests_break_is_good() {
    let table = format!("prompt,answer,wrong,corrupted\n{ROWS}");
    sweep(&table.replace("HIC,HIQ", "HIC,UIC"), 0).run(&[]);
}

#[test]
fn columns_have_known_names() {
    let header = |header: &str| sweep(&format!("{header}\n{ROWS}"), 0);
    let nearest = ["prompts.csv line 1: unknown column `anwser`: did you mean `answer`?"];
    refused(&header("prompt,anwser,wrong,corrupted"), &nearest);
    let nearest = ["unknown columns ` answer`, ` wrong`, ` corrupted`: for ` answer`, did you mean `answer`?"];
    refused(&header("prompt, answer, wrong, corrupted"), &nearest);
    refused(&header("prompt,answer,wrong,wrong"), &["prompts.csv line 1: two columns are called `wrong`"]);
    refused(&sweep("prompt,wrong\na,b\n", 0), &["prompts.csv line 1: no column `answer`"]);
    refused(&sweep("prompt,answer\n", 0), &["prompts.csv: has no prompts"]);
}

#[test]
fn a_bad_row_is_named_with_its_line() {
    let row = |row: &str| sweep(&format!("prompt,answer,wrong,corrupted\n{row}\n{ROWS}"), 2);
    let fields = ["prompts.csv line 2: 3 fields for 4 columns", "between double quotes"];
    refused(&row("The House Inquiry Citizen (HI,HIC,HIQ"), &fields);
    let length = ["prompts.csv line 2: no token 2, counted from 0: the wrong answer has 2"];
    refused(&row("The House Inquiry Citizen (HI,HIC,HI,The Shipping Question Quail (SQ"), &length);
    let length = ["prompts.csv line 2: corrupted prompt of 6 tokens, but its prompt has 7"];
    refused(&row("The House Inquiry Citizen (HI,HIC,HIQ,The Shipping Question (SQ"), &length);
    let word = ["prompts.csv line 2: the model's tokenizer does not know `Zebrafish`"];
    refused(&row("The House Inquiry Zebrafish (HI,HIC,HIQ,The Shipping Question Quail (SQ"), &word);
}

#[test]
fn a_wrong_answer_is_not_the_answer() {
    let table = format!("prompt,answer,wrong,corrupted\n{ROWS}");
    refused(&sweep(&table, 0), &["prompts.csv line 2: token 0 of the wrong answer is that of the answer, `H`"]);
    refused(&sweep(&table, 1), &["prompts.csv line 2: token 1 of the wrong answer is that of the answer, `I`"]);
    refused(&sweep(&table, 2), &["prompts.csv line 3: token 2 of the wrong answer is that of the answer, `Q`"]);
}
