//! How positions are said in words.

use std::ops::Range;

use super::super::{Inputs, PlanError};
use super::by_number::END;
use crate::spec::schema::{NamedPosition, Position, WhichToken};

/// Longest name; it stands on axes.
const MOST_NAME_CHARS: usize = 100;

/// A position as a list of the spec has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    /// From 0, or negative from the end.
    Number(i64),
    /// So many tokens from the last one.
    End(i64),
    /// So many tokens from where one of the spec's names is.
    Named(usize, i64),
    /// All positions of the prompt, as one entry.
    All,
}

/// Refuses names that lists of positions could not hold.
pub(in super::super) fn refuse_names(inputs: &Inputs<'_>) -> Result<(), PlanError> {
    let named = &inputs.spec.position;
    for (index, NamedPosition { name, column, text, occurrence, .. }) in named.iter().enumerate() {
        let word = name.get_ref().as_str();
        let refuse = |message: String| Err(inputs.source.error(name.span(), message).into());
        if word.is_empty() || !word.chars().all(is_of_name) {
            return refuse(format!("`{word}` cannot name a position: use letters, digits and `_`"));
        }
        if word == END {
            return refuse("`end` is the last token of every prompt: give the position another name".to_owned());
        }
        if word.len() > MOST_NAME_CHARS {
            let length = word.len();
            return refuse(format!("a name of {length} characters is too long: use at most {MOST_NAME_CHARS}"));
        }
        if named[..index].iter().any(|other| other.name.get_ref() == word) {
            return refuse(format!("two positions are called `{word}`"));
        }
        if column.is_some() == text.is_some() {
            return refuse(format!(
                "give `{word}` either `column` (a column with its text in each prompt) or `text` (the same text in all)"
            ));
        }
        if let Some(text) = text.as_ref().filter(|text| text.get_ref().trim_matches(' ').is_empty()) {
            return Err(inputs.source.error(text.span(), "there is nothing to look for".to_owned()).into());
        }
        if let Some(occurrence) = occurrence.as_ref().filter(|occurrence| *occurrence.get_ref() == 0) {
            return Err(inputs.source.error(occurrence.span(), "`occurrence` counts from 1".to_owned()).into());
        }
    }
    Ok(())
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What an entry of a list means; `place`: where the list stands.
pub(super) fn said(inputs: &Inputs<'_>, place: &Range<usize>, position: &Position) -> Result<Said, PlanError> {
    let words = match position {
        Position::Number(number) => return Ok(Said::Number(*number)),
        Position::Words(words) => words.as_str(),
    };
    let (name, offset) = apart(words);
    let Some(offset) = offset else {
        let message = format!(
            "`{words}` is no position: write a number, `end`, or a name of `[[position]]`; an offset in tokens goes behind \
             it, like `end-1`"
        );
        return Err(inputs.source.error(place.clone(), message).into());
    };
    if name == END {
        return Ok(Said::End(offset));
    }
    let named = &inputs.spec.position;
    let Some(index) = named.iter().position(|named| named.name.get_ref() == name) else {
        let known: Vec<&str> = named.iter().map(|named| named.name.get_ref().as_str()).chain([END]).collect();
        let message = format!("no position is called `{name}`");
        return Err(inputs.source.word_error(place.clone(), message, name, &known).into());
    };
    if named[index].token == WhichToken::All && name != words {
        let message =
            format!("`{name}` is all tokens of its text, so that `{words}` is no position: leave the offset out");
        return Err(inputs.source.error(place.clone(), message).into());
    }
    Ok(Said::Named(index, offset))
}

/// A name, and how many tokens from it; `None` where what stands behind it is no offset.
pub(super) fn apart(words: &str) -> (&str, Option<i64>) {
    let (name, behind) = words.split_at(words.find(|c| !is_of_name(c)).unwrap_or(words.len()));
    (name, if behind.is_empty() { Some(0) } else { digits(behind) })
}

/// A sign and digits.
fn digits(text: &str) -> Option<i64> {
    let is_signed = text.starts_with(['+', '-']) && text[1..].chars().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|_| is_signed)
}
