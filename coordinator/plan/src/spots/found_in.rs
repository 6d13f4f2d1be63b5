//! The tokens of each name in each prompt.

use std::ops::Range;

use patchsweep_core::length;

use super::super::dataset::{PROMPT, Table};
use super::super::odd_lines::OddLines;
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
        let place = position.column.as_ref().map(|name| column(name.get_ref()));
        let constant = position.text.as_ref().map_or("", |text| text.get_ref());
        let from = || match &position.column {
            Some(name) => format!("column `{}`", name.get_ref()),
            None => format!("position `{}`", position.name.get_ref()),
        };
        let occurrence = position.occurrence.as_ref().map_or(1, |occurrence| *occurrence.get_ref());
        let (mut all, mut odd) = (Vec::with_capacity(table.lines.len()), OddLines::default());
        for (line, tokens) in table.lines.iter().zip(&tokens) {
            let text = place.map_or(constant, |place| &line.named[place]);
            match tokens_of(&line.prompt, tokens, text, occurrence) {
                Ok(found) => {
                    let [start, end] = [found.start, found.end].map(|token| length(token) + before);
                    all.push(start..end);
                }
                Err(message) => {
                    let short = || format!("`{text}`, prompt of {} tokens", tokens.len());
                    odd.add(line.number, || format!("{}: {message}", from()), short);
                }
            }
        }
        odd.refuse(table.file, table.lines.len())?;
        Ok(all)
    };
    named.iter().map(find).collect()
}
