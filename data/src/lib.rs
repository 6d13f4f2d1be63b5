//! The embedded data of patchsweep: what its two small models are trained and tested on.
//!
//! The task of the first is the founding one: after `The Chief Executive Officer (` a language model writes `CEO`. Here the words
//! come from a fixed list of nouns, one token each, so that every prompt has the same length and a model of a few
//! megabytes solves the task nearly perfectly.
//!
//! The second finds surnames in lists of guests, which takes two layers: [`guests`].
//!
//! - [`nouns`]: the words, by initial.
//! - [`prompts`]: seeded draws of three words, as prompts and answers.
//! - [`tokenizer`]: vocabularies and their Hugging Face `tokenizer.json`.
//! - [`sweep`]: a sweep of the model that tests run for as long as they want.
//! - [`files`]: the committed files that follow from these, byte for byte.

#![forbid(unsafe_code)]

pub mod files;
pub mod guests;
pub mod nouns;
pub mod prompts;
pub mod sweep;
pub mod tokenizer;
