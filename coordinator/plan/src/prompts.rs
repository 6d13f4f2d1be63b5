//! What a dataset gives, as token ids.

use std::collections::BTreeMap;

use patchsweep_core::digest::Digest;
use patchsweep_core::tokens::TokenMatrix;

use super::rows::Rows;
use super::spots::Found;
use super::{Inputs, PlanError};

/// Prompts and their answers, before anything is corrupted.
pub(super) struct Prompts {
    /// Clean prompts, BOS included.
    pub(super) clean: TokenMatrix,
    /// Corrupted prompts that the dataset itself has: with text one list, with token ids one per iteration.
    pub(super) corrupted: Vec<TokenMatrix>,
    /// Right answers \[prompts\]\[tokens\], where anything asks for them.
    pub(super) answers: Option<Vec<Vec<u32>>>,
    /// Wrong answers \[prompts\]\[tokens\], where the dataset has them and a metric asks for them.
    pub(super) wrong: Option<Vec<Vec<u32>>>,
    /// Sets of tokens, by the columns that the spec names, each a list for every prompt.
    pub(super) sets: BTreeMap<String, Rows>,
    /// Tokens of each of the spec's named positions \[names\]\[prompts\].
    pub(super) named: Found,
    /// Token strings of the first prompt \[positions\].
    pub(super) labels: Vec<String>,
    /// Of the clean prompts in their order, as they are written.
    pub(super) digest: Digest,
    /// Line of each prompt in its file; none where token ids are given outright.
    pub(super) lines: Option<Vec<usize>>,
    /// What a person should know of how the dataset was read.
    pub(super) warnings: Vec<String>,
}

impl Prompts {
    /// Which one it is, for people.
    pub(super) fn name(&self, prompt: usize) -> String {
        match &self.lines {
            Some(lines) => format!("the prompt of line {}", lines[prompt]),
            None => format!("prompt {prompt}"),
        }
    }

    /// What is wrong with a prompt's field of a column.
    pub(super) fn refusal(&self, inputs: &Inputs<'_>, prompt: usize, column: &str, message: &str) -> PlanError {
        match &self.lines {
            Some(lines) => PlanError::Dataset {
                file: inputs.spec.dataset_file().to_owned(),
                line: lines[prompt],
                message: format!("column `{column}`: {message}"),
            },
            None => PlanError::in_dataset(inputs, format!("{column}[{prompt}]: {message}")),
        }
    }
}

/// Of some prompts in their order.
pub(super) fn digest<T: AsRef<[u8]>>(prompts: impl Iterator<Item = T>) -> Digest {
    let each = prompts.map(|prompt| Digest::of(prompt.as_ref()).0).collect::<Vec<_>>();
    Digest::of(each.as_flattened())
}
