//! Tokens as people see them, to judge whether the text was tokenized as they meant it.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::context::{Iteration, SweepContext};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Plan, PromptTokenizer};

/// Most tokens of a list of answers; people compare the first ones.
const MOST_SHOWN: usize = 32;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownToken {
    /// Its id.
    pub id: u32,
    /// Its text, spaces included; null where the model has no tokenizer.
    pub text: Option<String>,
}

/// Different tokens, in the order of the prompts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownTokens {
    /// The first ones.
    pub tokens: Vec<ShownToken>,
    /// How many there are in all.
    pub count: usize,
}

/// The answer tokens that one of the spec's iterations scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScoredTokens {
    /// Right ones; those of the first prompt come first.
    pub right: ShownTokens,
    /// Wrong ones, where a metric needs them.
    pub wrong: ShownTokens,
}

impl Plan {
    /// The first prompt of the sweep.
    #[must_use]
    pub fn first_prompt(&self) -> Vec<ShownToken> {
        let token = |(&id, text): (&u32, &String)| ShownToken { id, text: Some(text.clone()) };
        self.context.clean.row(0).iter().zip(&self.token_labels).map(token).collect()
    }

    /// One for each of the spec's iterations.
    #[must_use]
    pub fn scored_tokens(&self) -> Vec<ScoredTokens> {
        let shown = |ids: &[u32]| {
            let distinct = distinct(ids);
            let token = |&id: &u32| ShownToken { id, text: self.answer_texts.get(&id).cloned() };
            ShownTokens { tokens: distinct.iter().take(MOST_SHOWN).map(token).collect(), count: distinct.len() }
        };
        let scored = |iteration: &Iteration| ScoredTokens {
            right: shown(&iteration.answers),
            wrong: shown(&iteration.wrong_answers),
        };
        first_replicates(&self.context).map(scored).collect()
    }
}

/// The texts of the answer tokens that are shown.
pub(super) fn answer_texts(context: &SweepContext, tokenizer: &PromptTokenizer) -> BTreeMap<u32, String> {
    let lists = first_replicates(context).flat_map(|iteration| [&iteration.answers, &iteration.wrong_answers]);
    let shown = lists.flat_map(|ids| distinct(ids).into_iter().take(MOST_SHOWN));
    shown.map(|id| (id, tokenizer.token_text(id))).collect()
}

/// Replicates score the same tokens.
fn first_replicates(context: &SweepContext) -> impl Iterator<Item = &Iteration> {
    context.iterations.iter().step_by(context.replicates.max(1) as usize)
}

fn distinct(ids: &[u32]) -> Vec<u32> {
    let mut seen = BTreeSet::new();
    ids.iter().copied().filter(|&id| seen.insert(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::example::{DATASET, plan, plan_of, spec};
    use super::*;

    fn token(id: u32, text: &str) -> ShownToken {
        ShownToken { id, text: Some(text.to_owned()) }
    }

    #[test]
    fn the_first_prompt_and_the_scored_tokens_are_shown_with_ids_and_texts() {
        let plan = plan(&[(r#""prob""#, r#""logit_diff""#)]);
        let first: Vec<u32> = plan.first_prompt().iter().map(|token| token.id).collect();
        assert_eq!(first, [0, 2, 3, 4]);
        assert_eq!(plan.first_prompt()[1], token(2, "a"));
        let [scored] = plan.scored_tokens().try_into().expect("one iteration");
        assert_eq!(scored.right.tokens, [token(6, "x"), token(7, "y"), token(8, "z")]);
        assert_eq!(scored.wrong.tokens, [token(7, "y"), token(8, "z"), token(6, "x")]);
        assert_eq!((scored.right.count, scored.wrong.count), (3, 3));
    }

    #[test]
    fn wrong_tokens_are_none_where_no_metric_asks_for_them() {
        let plan = plan_of(&spec(&[]), DATASET).expect("a plan");
        assert_eq!(plan.scored_tokens()[0].wrong, ShownTokens { tokens: Vec::new(), count: 0 });
    }
}
