//! What is guessed from small datasets.

use super::guess::{Experiment, Origin, Score, experiments, origin, score};
use super::{Known, Named, spec};
use crate::spec::{Source, Spec};
use crate::{Outline, PromptTokenizer};

const BOS: u32 = 0;

/// Knows the capital letters, some words, and one with a quotation mark.
fn tokenizer() -> PromptTokenizer {
    let words = ["<bos>", "[UNK]", "the", "cat", "dog", "sat", "\\\"x"].map(str::to_owned);
    let letters = ('A'..='Z').map(String::from);
    let vocabulary: Vec<String> =
        words.into_iter().chain(letters).enumerate().map(|(id, word)| format!("\"{word}\": {id}")).collect();
    let json = format!(
        r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {{"type": "WhitespaceSplit"}}, "post_processor": null, "decoder": null,
        "model": {{"type": "WordLevel", "vocab": {{{}}}, "unk_token": "[UNK]"}}}}"#,
        vocabulary.join(", ")
    );
    PromptTokenizer::from_json(&json).expect("a tokenizer")
}

fn outline(file: &str, text: &str) -> Outline {
    Outline::read(file, text, &tokenizer(), Some(BOS)).expect("prompts")
}

fn guessed(file: &str, text: &str) -> (Vec<Experiment>, Origin, Score) {
    let (outline, tokenizer) = (outline(file, text), tokenizer());
    let known = Known { outline: &outline, has_bos: true, tokenizer: &tokenizer };
    let experiments = experiments(&known);
    let (origin, score) = (origin(&known, &experiments), score(&known, &experiments));
    (experiments, origin, score)
}

#[test]
fn each_answer_token_that_prompts_end_with_is_read_where_it_is_about_to_be_written() {
    let (experiments, origin, score) = guessed("d.txt", "the cat sat C, C S\nthe dog sat D, D S\n");
    let corrupt = vec![2];
    assert_eq!(
        experiments,
        [Experiment { corrupt: corrupt.clone(), read: 3, answer: 0 }, Experiment { corrupt, read: 4, answer: 1 }]
    );
    assert_eq!((origin, score), (Origin::Permute, Score::Letters));
}

#[test]
fn a_prompt_that_ends_otherwise_is_read_at_its_last_position() {
    let (experiments, ..) = guessed("d.txt", "the cat sat C, C S\nthe dog sat C, D S\n");
    assert_eq!(experiments, [Experiment { corrupt: vec![2], read: 4, answer: 0 }]);
}

#[test]
fn words_are_candidates_and_a_single_answer_has_none() {
    let (.., score) = guessed("d.txt", "the cat, sat\nthe dog, cat\n");
    assert_eq!(score, Score::Candidates(vec!["cat".to_owned(), "sat".to_owned()]));
    let (_, origin, score) = guessed("d.txt", "the cat, sat\nthe cat, sat\n");
    assert_eq!((origin, score), (Origin::Noise, Score::Logprob));
}

#[test]
fn columns_of_wrong_answers_and_corrupted_prompts_are_used() {
    let table = "prompt,answer,wrong,corrupted\nthe cat,sat,C,the dog\nthe cat,sat,C,the dog\n";
    let (_, origin, score) = guessed("d.csv", table);
    assert_eq!((origin, score), (Origin::Pairs, Score::Wrong));
}

#[test]
fn the_text_is_a_spec_whatever_names_and_tokens_are_made_of() {
    let (outline, tokenizer) = (outline("d.txt", "the \"x, sat\nthe dog, cat\n"), tokenizer());
    let named = Named { name: "a \"b\"\nc", model: "m # n", dataset: "d\\.txt" };
    let text = spec(named, Known { outline: &outline, has_bos: true, tokenizer: &tokenizer });
    let parsed = Spec::parse(&Source::new(text.clone())).expect("a spec");
    assert_eq!((parsed.name.get_ref().as_str(), parsed.dataset_file()), (named.name, named.dataset));
    assert!(text.starts_with("# Positions, with the tokens of the first prompt:\n#\n#     0  \"<bos>\"\n"), "{text}");
}

#[test]
fn prompts_of_different_lengths_are_refused_with_what_to_write_instead() {
    let text = "the cat sat, C\nthe dog sat, D\nthe cat, C\n";
    let refused = Outline::read("d.txt", text, &tokenizer(), Some(BOS)).expect_err("two lengths");
    assert_eq!(
        refused.to_string(),
        "d.txt line 3: prompt of 2 tokens, but the first has 3, and `init` writes specs for prompts of one length; write this \
         one by hand, with `read = \"end\"` and names for the other positions: docs/guide.md, section 11, has an example"
    );
    let guide = include_str!("../../../../docs/guide.md");
    let (_, section) = guide.split_once("\n## 11. ").expect("that section");
    assert!(
        section.starts_with("Prompts of different lengths\n") && section.contains("\nread = \"end\" "),
        "{section}"
    );
}
