//! Which columns a dataset must have: those that every sweep reads, and those that its spec names.

use super::metrics;
use super::source::Source;
use super::{Inputs, PlanError};
use crate::spec::Spanned;

/// Most bytes of the name of a column that is offered in place of a missing one, and most columns.
const LONGEST: usize = 64;
const MOST_OFFERED: usize = 32;

/// What is wanted of a table's columns, or of a record's keys.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Whether there must be answers.
    answers: bool,
    /// Where the spec names columns.
    source: Option<&'a Source>,
    /// Columns that the spec names, each once.
    named: Vec<&'a Spanned<String>>,
}

impl<'a> Wanted<'a> {
    /// By a spec.
    pub(super) fn by(inputs: &Inputs<'a>) -> Self {
        let mut named: Vec<&Spanned<String>> = Vec::new();
        let of_positions = inputs.spec.position.iter().map(|position| &position.column);
        for column in metrics::columns(inputs.spec).chain(of_positions) {
            if named.iter().all(|other| other.get_ref() != column.get_ref()) {
                named.push(column);
            }
        }
        Self { answers: metrics::need_answers(inputs.spec), source: Some(inputs.source), named }
    }

    /// By somebody who has no spec yet: prompts and answers.
    pub(super) fn without_spec() -> Self {
        Self { answers: true, source: None, named: Vec::new() }
    }

    /// The columns that there must be, besides those that the spec names.
    pub(super) fn required(&self) -> &'static [&'static str] {
        if self.answers { &["prompt", "answer"] } else { &["prompt"] }
    }

    /// Names of the columns that the spec names.
    pub(super) fn named(&self) -> impl Iterator<Item = &'a str> {
        self.named.iter().map(|column| column.get_ref().as_str())
    }

    /// Whether the spec names a column so.
    pub(super) fn names(&self, column: &str) -> bool {
        self.named().any(|named| named == column)
    }

    /// Refuses a dataset without a column that the spec names.
    ///
    /// `there`: its columns.
    pub(super) fn refuse_missing(&self, there: &[&str]) -> Result<(), PlanError> {
        let missing = self.named.iter().find(|column| !there.contains(&column.get_ref().as_str()));
        let (Some(missing), Some(source)) = (missing, self.source) else { return Ok(()) };
        let name = missing.get_ref();
        let there: Vec<&str> =
            there.iter().copied().filter(|other| other.len() <= LONGEST).take(MOST_OFFERED).collect();
        let message = format!("the dataset has no column `{name}`");
        Err(source.word_error(missing.span(), message, name, &there).into())
    }

    /// Refuses a dataset whose lines have no columns, where the spec names some.
    pub(super) fn refuse_any(&self) -> Result<(), PlanError> {
        let (Some(first), Some(source)) = (self.named.first(), self.source) else { return Ok(()) };
        let message = format!(
            "column `{}` needs a dataset with columns: a .csv file whose first line names them, or JSON lines",
            first.get_ref()
        );
        Err(source.error(first.span(), message).into())
    }
}
