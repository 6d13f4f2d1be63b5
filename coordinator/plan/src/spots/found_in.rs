//! The tokens of each name in each prompt.

use std::ops::Range;

use super::super::dataset::{PROMPT, Table};
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
        let (place, mut inside) = (column(position.column.get_ref()), Vec::new());
        let occurrence = position.occurrence.as_ref().map_or(1, |occurrence| *occurrence.get_ref());
        let in_line = |(index, line): (usize, &Line)| {
            let found = tokens_of(&line.prompt, &tokens[index], &line.named[place], occurrence);
            let refuse = |message| table.refuse(index, format!("column `{}`: {message}", position.column.get_ref()));
            let Standing { tokens, inside: word } = found.map_err(refuse)?;
            inside.extend(word.map(|word| (index, word)));
            let [start, end] = [tokens.start, tokens.end].map(|token| patchsweep_core::length(token) + before);
            Ok(start..end)
        };
        all.push(table.lines.iter().enumerate().map(in_line).collect::<Result<_, PlanError>>()?);
        if let Some((index, word)) = inside.first() {
            let Line { number, named, .. } = &table.lines[*index];
            let (file, text, name, prompts) = (table.file, &named[place], position.name.get_ref(), table.lines.len());
            warnings.push(format!(
                "{file} line {number}: `{text}`, the text of position `{name}`, is part of the word `{word}`, and nowhere in the \
                 prompt a word of its own ({} of {prompts} prompts)",
                inside.len()
            ));
        }
    }
    Ok((all, warnings))
}
