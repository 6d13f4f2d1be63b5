//! What a dataset gives, as token ids.

use patchsweep_core::tokens::TokenMatrix;

/// Prompts and their answers, before anything is corrupted.
pub(super) struct Prompts {
    /// Clean prompts, BOS included.
    pub(super) clean: TokenMatrix,
    /// Corrupted prompts that the dataset itself has: with text one list, with token ids one per iteration.
    pub(super) corrupted: Vec<TokenMatrix>,
    /// Right answers \[prompts\]\[tokens\].
    pub(super) answers: Vec<Vec<u32>>,
    /// Wrong answers \[prompts\]\[tokens\], where the dataset has them and a metric asks for them.
    pub(super) wrong: Option<Vec<Vec<u32>>>,
    /// Token strings of the first prompt \[positions\].
    pub(super) labels: Vec<String>,
    /// Line of each prompt in its file; none where token ids are given outright.
    pub(super) lines: Option<Vec<usize>>,
    /// What a person should know of how the dataset was read.
    pub(super) warnings: Vec<String>,
}
