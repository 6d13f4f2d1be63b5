//! Metrics of kind `difference`: which tokens are in their sets.

use std::collections::BTreeSet;

use patchsweep_core::length;
use patchsweep_core::metric::{Difference, Reduce, ReducedSets, TokenScore};
use patchsweep_core::token_sets::{TokenSets, TokenSetsError};

use super::prompts::Prompts;
use super::rows::Rows;
use super::single_tokens::SingleTokens;
use super::{Inputs, PlanError};
use crate::spec::Spanned;
use crate::spec::schema::{self, TokenSet};

/// A difference as the spec has it; sets that stand in a column are still missing.
pub(super) struct Given<'a> {
    of: TokenScore,
    right: Side<'a>,
    wrong: Option<Side<'a>>,
}

/// A side of the difference.
struct Side<'a> {
    given: &'a Spanned<TokenSet>,
    tokens: Tokens<'a>,
}

/// Where a side's tokens come from.
enum Tokens<'a> {
    /// One set for all prompts.
    Fixed(Vec<u32>),
    /// A set for each prompt, by the column's name.
    Column(&'a str),
}

pub(super) fn read<'a>(inputs: &Inputs<'a>, metric: &'a schema::Metric) -> Result<Given<'a>, PlanError> {
    let right = metric.right.as_ref().ok_or_else(|| {
        let message = "`difference` needs `right`, the tokens that are added, like { column = \"right\" }";
        inputs.source.error(metric.kind.span(), message.to_owned())
    })?;
    Ok(Given {
        of: metric.of.as_ref().map_or_else(TokenScore::default, |of| *of.get_ref()),
        right: Side::read(inputs, right)?,
        wrong: metric.wrong.as_ref().map(|wrong| Side::read(inputs, wrong)).transpose()?,
    })
}

/// Refuses what belongs to differences, in a metric of another kind.
pub(super) fn refuse(inputs: &Inputs<'_>, metric: &schema::Metric) -> Result<(), PlanError> {
    let given = [
        ("of", metric.of.as_ref().map(Spanned::span)),
        ("right", metric.right.as_ref().map(Spanned::span)),
        ("wrong", metric.wrong.as_ref().map(Spanned::span)),
    ];
    let Some((key, Some(span))) = given.into_iter().find(|(_, span)| span.is_some()) else { return Ok(()) };
    let kind = metric.kind.get_ref();
    let message = format!("metric `{kind}` has no sets of tokens: leave `{key}` out, or say `kind = \"difference\"`");
    Err(inputs.source.error(span, message).into())
}

impl<'a> Side<'a> {
    fn read(inputs: &Inputs<'a>, given: &'a Spanned<TokenSet>) -> Result<Self, PlanError> {
        let TokenSet { column, tokens, ids, .. } = given.get_ref();
        let tokens = match (column, tokens, ids) {
            (Some(column), None, None) => Tokens::Column(column.get_ref()),
            (None, Some(texts), None) => Tokens::Fixed(fixed(inputs, texts, &text_ids(inputs, texts)?)?),
            (None, None, Some(given)) => {
                let plain: Vec<u32> = given.get_ref().iter().map(|id| *id.get_ref()).collect();
                Tokens::Fixed(fixed(inputs, given, &plain)?)
            }
            _ => {
                let message =
                    "a set of tokens is one of `column` (of the dataset), `tokens` (texts) and `ids` (token ids)";
                return Err(inputs.source.error(given.span(), message.to_owned()).into());
            }
        };
        let side = Self { given, tokens };
        if let Tokens::Fixed(ids) = &side.tokens {
            side.reduce(inputs, ids.len(), "this set has")?;
        }
        Ok(side)
    }

    /// What is made of the tokens' numbers, of sets with so many tokens at most.
    fn reduce(&self, inputs: &Inputs<'_>, largest: usize, which: &str) -> Result<Reduce, PlanError> {
        match &self.given.get_ref().reduce {
            Some(reduce) => Ok(*reduce.get_ref()),
            // The sum of one number is that number, to the last bit.
            None if largest == 1 => Ok(Reduce::Sum),
            None => {
                let message = format!(
                    "{which} {largest} tokens: say with `reduce` what is made of their numbers, \"sum\", \"mean\", \"max\" or \
                     \"logsumexp\""
                );
                Err(inputs.source.error(self.given.span(), message).into())
            }
        }
    }

    /// `room`: how many token ids the sets of all metrics may still have, each set as large as the largest.
    fn over(&self, inputs: &Inputs<'_>, prompts: &Prompts, room: &mut usize) -> Result<ReducedSets, PlanError> {
        let (ids, sizes) = match &self.tokens {
            Tokens::Fixed(ids) => (ids.as_slice(), vec![length(ids.len())]),
            Tokens::Column(column) => {
                let rows = &prompts.sets[*column];
                (rows.numbers(), rows.iter().map(|row| length(row.len())).collect())
            }
        };
        if let Tokens::Column(column) = &self.tokens {
            outside(inputs, prompts, column, &prompts.sets[*column])?;
        }
        let sets = TokenSets::new(ids.to_vec(), sizes).map_err(|error| self.refusal(inputs, prompts, &error))?;
        let message = "the sets of all metrics have too many token ids: score some of them in another sweep";
        let too_many = || inputs.source.error(self.given.span(), message.to_owned());
        *room = room.checked_sub(sets.filled_up()).ok_or_else(too_many)?;
        let largest = sets.largest();
        let reduce = self.reduce(inputs, largest, "the largest set has")?;
        Ok(ReducedSets { sets, reduce })
    }

    /// A defect of the sets, at its prompt.
    fn refusal(&self, inputs: &Inputs<'_>, prompts: &Prompts, error: &TokenSetsError) -> PlanError {
        let (Tokens::Column(column), &(TokenSetsError::Empty { set } | TokenSetsError::Twice { set, .. })) =
            (&self.tokens, error)
        else {
            let message = format!("{error}; draw fewer `samples`, or make the large sets smaller");
            return inputs.source.error(self.given.span(), message).into();
        };
        let what = match *error {
            TokenSetsError::Twice { token, .. } => {
                format!("the token {} is twice in the set: name it once", inputs.token_name(token))
            }
            _ => "an empty set of tokens: give at least one".to_owned(),
        };
        prompts.refusal(inputs, set, column, &what)
    }
}

impl Given<'_> {
    /// The difference of these prompts.
    ///
    /// `name`: the metric's; `room`: how many token ids the sets of all metrics may still have, each set as large as the largest.
    pub(super) fn over(
        &self,
        inputs: &Inputs<'_>,
        prompts: &Prompts,
        name: &Spanned<String>,
        room: &mut usize,
    ) -> Result<Difference, PlanError> {
        let side = |side: &Side<'_>, room: &mut usize| side.over(inputs, prompts, room);
        let right = side(&self.right, room)?;
        let wrong = self.wrong.as_ref().map(|wrong| side(wrong, room)).transpose()?;
        let difference = Difference { of: self.of, right, wrong };
        let Some((prompt, token)) = difference.shared_token() else { return Ok(difference) };
        let (token, name) = (inputs.token_name(token), name.get_ref());
        let message = format!("the token {token} is in both sets of metric `{name}`: take it out of one");
        let sides = [Some(&self.right), self.wrong.as_ref()];
        let mut columns = sides.into_iter().flatten().filter_map(|side| match &side.tokens {
            Tokens::Column(column) => Some(*column),
            Tokens::Fixed(_) => None,
        });
        Err(match columns.next() {
            Some(column) => prompts.refusal(inputs, prompt, column, &message),
            None => inputs.source.error(self.wrong.as_ref().unwrap_or(&self.right).given.span(), message).into(),
        })
    }
}

/// Token ids of texts, each exactly one token.
fn text_ids(inputs: &Inputs<'_>, texts: &Spanned<Vec<Spanned<String>>>) -> Result<Vec<u32>, PlanError> {
    let tokenizer = inputs.tokenizer.ok_or_else(|| {
        let message = "the model's folder has no tokenizer.json: give `ids` in place of `tokens`".to_owned();
        inputs.source.error(texts.span(), message)
    })?;
    let mut tokens = SingleTokens::of(tokenizer);
    let id = |text: &Spanned<String>| {
        tokens.id(text.get_ref()).map_err(|message| inputs.source.error(text.span(), message).into())
    };
    texts.get_ref().iter().map(id).collect()
}

/// A set for all prompts: at least one token, none twice, all of the model's vocabulary.
///
/// `given`: where the spec has them.
fn fixed<T>(inputs: &Inputs<'_>, given: &Spanned<Vec<Spanned<T>>>, ids: &[u32]) -> Result<Vec<u32>, PlanError> {
    let vocabulary = inputs.config.architecture.d_vocab;
    let mut seen = BTreeSet::new();
    for (place, &id) in given.get_ref().iter().zip(ids) {
        let refuse = |message: String| Err(inputs.source.error(place.span(), message).into());
        if id >= vocabulary {
            let last = vocabulary.saturating_sub(1);
            return refuse(format!(
                "token {} (id {id}), but the model's vocabulary ends at {last}",
                inputs.token_name(id)
            ));
        }
        if !seen.insert(id) {
            return refuse(format!("the token {} is twice in the set: name it once", inputs.token_name(id)));
        }
    }
    if ids.is_empty() {
        return Err(inputs.source.error(given.span(), "an empty set of tokens: give at least one".to_owned()).into());
    }
    Ok(ids.to_vec())
}

/// Refuses tokens of a column that the model has no embedding for.
fn outside(inputs: &Inputs<'_>, prompts: &Prompts, column: &str, rows: &Rows) -> Result<(), PlanError> {
    let vocabulary = inputs.config.architecture.d_vocab;
    let stray = |row: &[u32]| row.iter().copied().find(|&id| id >= vocabulary);
    let Some((prompt, id)) = rows.iter().enumerate().find_map(|(prompt, row)| Some((prompt, stray(row)?))) else {
        return Ok(());
    };
    let last = vocabulary.saturating_sub(1);
    let message = format!("token {} (id {id}), but the model's vocabulary ends at {last}", inputs.token_name(id));
    Err(prompts.refusal(inputs, prompt, column, &message))
}

#[cfg(test)]
mod tests;
