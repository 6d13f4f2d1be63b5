//! What a dataset looks like to somebody who has no spec yet.

use super::columns::Wanted;
use super::dataset::Table;
use super::{PlanError, PromptTokenizer, table};

/// The prompts of a dataset and what belongs to them, as token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Token ids \[prompts\]\[positions\], BOS included where it is put first.
    pub prompts: Vec<Vec<u32>>,
    /// Token ids \[prompts\]\[tokens\].
    pub answers: Vec<Vec<u32>>,
    /// There is a column of wrong answers.
    pub has_wrong: bool,
    /// There is a column of corrupted prompts.
    pub has_corrupted: bool,
}

impl Outline {
    /// Reads a dataset of text; refuses what no spec could make a sweep of, and prompts of different lengths, as what their
    /// positions are called is not in it.
    ///
    /// `bos`: the token that each prompt begins with, if any.
    pub fn read(file: &str, text: &str, tokenizer: &PromptTokenizer, bos: Option<u32>) -> Result<Self, PlanError> {
        let lines = table::read(file, text, &Wanted::without_spec())?.lines;
        let columns = Table { file, lines: &lines, tokenizer };
        let with_bos = |tokens: Vec<u32>| bos.into_iter().chain(tokens).collect();
        let prompts: Vec<Vec<u32>> = columns.prompts()?.into_iter().map(with_bos).collect();
        if let Some(other) = prompts.iter().position(|prompt| prompt.len() != prompts[0].len()) {
            let bos = usize::from(bos.is_some());
            let message = format!(
                "prompt of {} tokens, but the first has {}, and `init` writes specs for prompts of one length; write this one by \
                 hand, with `read = \"end\"` and names for the other positions: docs/guide.md, section 11, has an example",
                prompts[other].len() - bos,
                prompts[0].len() - bos,
            );
            return Err(PlanError::Dataset { file: file.to_owned(), line: lines[other].number, message });
        }
        Ok(Self {
            prompts,
            answers: columns.answers()?,
            has_wrong: lines[0].wrong.is_some(),
            has_corrupted: lines[0].corrupted.is_some(),
        })
    }
}
