//! A spec to begin with: what follows from a dataset and a tokenizer, with a comment on each line that is to be
//! thought about.

mod guess;
mod text;

use crate::{Outline, PromptTokenizer};

pub use text::{spec, with_warnings};

/// What the spec will say where nothing can be guessed.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Names the sweep.
    pub name: &'a str,
    /// The model's folder, relative to the spec or to a `--models` folder.
    pub model: &'a str,
    /// The dataset, relative to the spec.
    pub dataset: &'a str,
}

/// What is known of the prompts.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The dataset's tokens.
    pub outline: &'a Outline,
    /// Whether every prompt begins with the BOS token.
    pub has_bos: bool,
    /// Tells what a token is called.
    pub tokenizer: &'a PromptTokenizer,
}

#[cfg(test)]
mod tests;
