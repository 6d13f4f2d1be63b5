//! The tokens of each name in each prompt.

use std::ops::Range;

use super::super::dataset::{PROMPT, Table};
use super::super::{Inputs, PlanError};
use super::found::tokens_of;

/// Tokens of each name \[names\]\[prompts\].
pub(crate) type Found = Vec<Vec<Range<u32>>>;

/// Finds the spec's names in the clean prompts, as they are tokenized.
///
/// `before`: tokens that prompts begin with, before those of their text. `column`: the place of a column among those that the spec names.
pub(crate) fn find(
    inputs: &Inputs<'_>,
    table: &Table<'_>,
    before: u32,
    column: impl Fn(&str) -> usize,
) -> Result<Found, PlanError> {
    let named = &inputs.spec.position;
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let tokens = table.tokenizer.token_bytes(&table.texts(PROMPT), PROMPT.part);
    let tokens = tokens.map_err(|error| table.refuse(error.text, error.message))?;
    let find = |position: &crate::spec::schema::NamedPosition| {
        let name = position.column.get_ref();
        let place = column(name);
        let occurrence = position.occurrence.as_ref().map_or(1, |occurrence| *occurrence.get_ref());
        let in_line = |(index, line): (usize, &super::super::table::Line)| {
            let found = tokens_of(&line.prompt, &tokens[index], &line.named[place], occurrence);
            let found = found.map_err(|message| table.refuse(index, format!("column `{name}`: {message}")))?;
            let [start, end] = [found.start, found.end].map(|token| patchsweep_core::length(token) + before);
            Ok(start..end)
        };
        table.lines.iter().enumerate().map(in_line).collect()
    };
    named.iter().map(find).collect()
}
