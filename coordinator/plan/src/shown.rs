//! Tokens as people see them, to judge whether the text was tokenized as they meant it.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::metric::{Difference, Reduce, ReducedSets, TokenScore};
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
    /// Right ones, where a metric scores them; those of the first prompt come first.
    pub right: ShownTokens,
    /// Wrong ones, where a metric needs them.
    pub wrong: ShownTokens,
}

/// The sets of a metric of kind `difference`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownSets {
    /// The metric's name.
    pub metric: String,
    /// What is taken of each token.
    pub of: TokenScore,
    /// What is added.
    pub right: ShownSet,
    /// What is subtracted; null: nothing.
    pub wrong: Option<ShownSet>,
}

/// A set of tokens that are scored together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownSet {
    /// What is made of the tokens' numbers.
    pub reduce: Reduce,
    /// The first prompt's tokens.
    pub first_prompt: ShownTokens,
    /// Sets: 1 for all prompts, or one for each.
    pub sets: usize,
    /// Tokens of the largest set.
    pub largest: usize,
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
        let scored = |iteration: &Iteration| ScoredTokens {
            right: self.shown(&distinct(&iteration.answers)),
            wrong: self.shown(&distinct(&iteration.wrong_answers)),
        };
        first_replicates(&self.context).map(scored).collect()
    }

    /// One for each metric of kind `difference`.
    #[must_use]
    pub fn token_sets(&self) -> Vec<ShownSets> {
        let side = |side: &ReducedSets| ShownSet {
            reduce: side.reduce,
            first_prompt: self.shown(side.sets.of(0)),
            sets: side.sets.count(),
            largest: side.sets.largest(),
        };
        let differences = self.context.metrics.iter().filter_map(|metric| Some((metric, metric.kind.difference()?)));
        let shown = differences.map(|(metric, Difference { of, right, wrong })| ShownSets {
            metric: metric.name.clone(),
            of: *of,
            right: side(right),
            wrong: wrong.as_ref().map(side),
        });
        shown.collect()
    }

    /// The first of some tokens.
    fn shown(&self, ids: &[u32]) -> ShownTokens {
        let token = |&id: &u32| ShownToken { id, text: self.answer_texts.get(&id).cloned() };
        ShownTokens { tokens: ids.iter().take(MOST_SHOWN).map(token).collect(), count: ids.len() }
    }
}

/// The texts of the tokens that are shown, of answers and of sets.
pub(super) fn token_texts(context: &SweepContext, tokenizer: &PromptTokenizer) -> BTreeMap<u32, String> {
    let lists = first_replicates(context).flat_map(|iteration| [&iteration.answers, &iteration.wrong_answers]);
    let answers = lists.flat_map(|ids| distinct(ids).into_iter().take(MOST_SHOWN));
    let sets = context.metrics.iter().flat_map(|metric| metric.kind.token_sets());
    let first = sets.flat_map(|sets| sets.of(0).iter().copied().take(MOST_SHOWN));
    answers.chain(first).map(|id| (id, tokenizer.token_text(id))).collect()
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
