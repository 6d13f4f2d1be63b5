//! Vocabularies of whole words, numbered once and for all, and the one of the acronyms: a token per noun, bracket and letter.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{
    nouns::{LETTERS, Nouns},
    prompts::Acronym,
};

/// Begins every sequence, and ends one where an end is asked for, as `<|endoftext|>` does in GPT-2.
pub const BEGIN: &str = "<|bos|>";

/// Stands for any text that is not in the vocabulary.
const UNKNOWN: &str = "<|unk|>";

/// The word that begins every prompt.
const ARTICLE: &str = "The";

/// The bracket before the acronym; its leading space is part of the token, as in GPT-2.
const BRACKET: &str = " (";

/// What cuts text into tokens: words with the space before them, the bracket likewise, and single capital letters.
const TOKEN_PATTERN: &str = r" ?[A-Z][a-z]+| \(|[A-Z]";

/// All tokens and their ids.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    ids: HashMap<String, u32>,
    pattern: &'static str,
}

impl Vocabulary {
    /// The vocabulary of the embedded nouns.
    #[must_use]
    pub fn of_acronyms() -> Self {
        let nouns = Nouns::embedded();
        let words = nouns.all().iter().map(|noun| word_token(noun));
        let letters = LETTERS.map(String::from);
        Self::new(
            [ARTICLE.to_owned()].into_iter().chain(words).chain([BRACKET.to_owned()]).chain(letters),
            TOKEN_PATTERN,
        )
    }

    /// [`BEGIN`], what stands for unknown text, and these tokens, none of them twice. `pattern` cuts text into them.
    pub(crate) fn new(tokens: impl IntoIterator<Item = String>, pattern: &'static str) -> Self {
        let specials = [BEGIN, UNKNOWN].map(String::from);
        Self { ids: specials.into_iter().chain(tokens).zip(0..).collect(), pattern }
    }

    /// How many tokens there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.ids.len()
    }

    /// The id of a token.
    ///
    /// # Panics
    ///
    /// If `token` is not in the vocabulary.
    #[must_use]
    pub fn id(&self, token: &str) -> u32 {
        self.ids[token]
    }

    /// The ids of the 26 letters, in alphabetical order.
    #[must_use]
    pub fn letter_ids(&self) -> Vec<u32> {
        LETTERS.map(|letter| self.letter_id(letter)).collect()
    }

    /// An acronym's prompt and whole answer as ids, beginning with [`BEGIN`].
    #[must_use]
    pub fn sequence(&self, acronym: &Acronym) -> Vec<u32> {
        let words = acronym.words().iter().map(|word| self.id(&word_token(word)));
        let letters = acronym.letters();
        [self.id(BEGIN), self.id(ARTICLE)]
            .into_iter()
            .chain(words)
            .chain([self.id(BRACKET)])
            .chain(letters.chars().map(|letter| self.letter_id(letter)))
            .collect()
    }

    fn letter_id(&self, letter: char) -> u32 {
        self.id(&letter.to_string())
    }

    /// The content of the Hugging Face `tokenizer.json`.
    #[must_use]
    pub fn tokenizer_json(&self) -> Value {
        let special = |content| {
            json!({
                "id": self.id(content), "content": content, "special": true, "normalized": false,
                "single_word": false, "lstrip": false, "rstrip": false,
            })
        };
        let mut tokenizer = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": [special(BEGIN), special(UNKNOWN)],
            "normalizer": null,
            "pre_tokenizer": {
                "type": "Split", "pattern": { "Regex": self.pattern }, "behavior": "Isolated", "invert": false,
            },
            "post_processor": null,
            "decoder": { "type": "Fuse" },
            "model": { "type": "WordLevel", "vocab": self.ids, "unk_token": UNKNOWN },
        });
        // The file's bytes must not depend on whether another crate of the build turns on `preserve_order`.
        tokenizer.sort_all_objects();
        tokenizer
    }
}

/// The content of the Hugging Face `tokenizer_config.json`: without it, transformers 5 would make a byte-level tokenizer of
/// the vocabulary and leave the rest of `tokenizer.json`.
#[must_use]
pub fn tokenizer_config_json() -> Value {
    let mut config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": BEGIN,
        "unk_token": UNKNOWN,
        "clean_up_tokenization_spaces": false,
    });
    config.sort_all_objects();
    config
}

/// A word within a sentence: its leading space is part of the token.
pub(crate) fn word_token(word: &str) -> String {
    format!(" {word}")
}
