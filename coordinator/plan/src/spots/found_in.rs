//! The tokens of each name in each prompt.

use std::ops::Range;

use patchsweep_core::length;

use super::super::dataset::{PROMPT, Table};
use super::super::odd_lines::OddLines;
use super::super::table::Line;
use super::super::{Inputs, PlanError};
use super::found::{Standing, tokens_of};

/// Tokens of each name \[names\]\[prompts\].
pub(crate) type Found = Vec<Vec<Range<u32>>>;

/// Finds the spec's names in the clean prompts, as they are tokenized, and says where they are only part of a word.
///
/// `before`: tokens that prompts begin with, before those of their text. `column`: the place of a column among those that the spec names.
pub(crate) fn find(
    inputs: &Inputs<'_>,
    table: &Table<'_>,
    before: u32,
    column: impl Fn(&str) -> usize,
) -> Result<(Found, Vec<String>), PlanError> {
    let (mut all, mut warnings) = (Vec::new(), Vec::new());
    if inputs.spec.position.is_empty() {
        return Ok((all, warnings));
    }
    let tokens = table.tokenizer.token_bytes(&table.texts(PROMPT), PROMPT.part);
    let tokens = tokens.map_err(|error| table.refuse(error.text, error.message))?;
    for position in &inputs.spec.position {
        let place = position.column.as_ref().map(|name| column(name.get_ref()));
        let constant = position.text.as_ref().map_or("", |text| text.get_ref());
        let from = || match &position.column {
            Some(name) => format!("column `{}`", name.get_ref()),
            None => format!("position `{}`", position.name.get_ref()),
        };
        let occurrence = position.occurrence.as_ref().map_or(1, |occurrence| *occurrence.get_ref());
        let (mut spans, mut inside) = (Vec::with_capacity(table.lines.len()), Vec::new());
        let mut odd = OddLines::default();
        for (line, tokens) in table.lines.iter().zip(&tokens) {
            let text = place.map_or(constant, |place| &line.named[place]);
            match tokens_of(&line.prompt, tokens, text, occurrence) {
                Ok(Standing { tokens, inside: word }) => {
                    let [start, end] = [tokens.start, tokens.end].map(|token| length(token) + before);
                    spans.push(start..end);
                    inside.extend(word.map(|word| (line, word)));
                }
                Err(message) => {
                    let short = || format!("`{text}`, prompt of {} tokens", tokens.len());
                    odd.add(line.number, || format!("{}: {message}", from()), short);
                }
            }
        }
        odd.refuse(table.file, table.lines.len())?;
        all.push(spans);
        if let Some((Line { number, named, .. }, word)) = inside.first() {
            let text = place.map_or(constant, |place| &named[place]);
            let (file, name, prompts) = (table.file, position.name.get_ref(), table.lines.len());
            warnings.push(format!(
                "{file} line {number}: `{text}`, the text of position `{name}`, is part of the word `{word}`, and nowhere in the \
                 prompt a word of its own ({} of {prompts} prompts)",
                inside.len()
            ));
        }
    }
    Ok((all, warnings))
}
